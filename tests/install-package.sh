# Sourced by run-tests and fault-run: installs a package of Debian and its kin. Needs a function give_up.
#
#   install_package PACKAGE HOW [COMMAND…]   HOW is what a person is to do where it cannot be installed; COMMAND runs as root between update and installation
install_package() {
  local package=$1 how=$2 root=()
  shift 2
  command -v apt-get > /dev/null || give_up "$how"
  if [[ $(id -u) != 0 ]]; then
    command -v sudo > /dev/null || give_up "$how"
    root=(sudo)
  fi
  echo "Installing $package."
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q > /dev/null || give_up "apt-get update failed. $how"
  (($# == 0)) || "${root[@]}" "$@" || give_up "$how"
  # RUNLEVEL keeps a package from starting a service: none is needed.
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "$package" > /dev/null \
    || give_up "apt-get install failed. $how"
}
