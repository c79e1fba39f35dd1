# Sourced by run-tests: installs Chromium, in which the tests look at the dashboard, where it is missing and can be installed. Needs a function give_up.
# With CHROMIUM_PATH, the path of its program, that one is used instead.
install_chromium() {
  if [[ -n ${CHROMIUM_PATH:-} ]]; then
    [[ -x $CHROMIUM_PATH ]] || give_up "CHROMIUM_PATH is '$CHROMIUM_PATH', which is not a program."
    return
  fi
  [[ -x /usr/bin/chromium ]] && return
  local how="Chromium is missing. Install it (Debian: apt-get install chromium), or set CHROMIUM_PATH to its program, and run this again."
  command -v apt-get > /dev/null || give_up "$how"
  local root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo > /dev/null || give_up "$how"
    root=(sudo)
  fi
  echo "Installing chromium."
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q > /dev/null || give_up "apt-get update failed. $how"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium > /dev/null \
    || give_up "apt-get install failed. $how"
  [[ -x /usr/bin/chromium ]] || give_up "$how"
}
