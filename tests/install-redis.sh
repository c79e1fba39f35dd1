# Sourced by run-tests and fault-run: installs redis-server where it is missing and can be installed. Needs a function give_up.
# With REDIS_SERVER that server is used instead.
install_redis() {
  if [[ -n ${REDIS_SERVER:-} ]]; then
    [[ $REDIS_SERVER == /* && -f $REDIS_SERVER && -x $REDIS_SERVER ]] \
      || give_up "REDIS_SERVER is '$REDIS_SERVER', which is not the full path of a program that can be started."
    return
  fi
  command -v redis-server > /dev/null && return
  local how="redis-server is missing. Install it (Debian: apt-get install redis-server; macOS: brew install redis) and run this again."
  command -v apt-get > /dev/null || give_up "$how"
  local root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo > /dev/null || give_up "$how"
    root=(sudo)
  fi
  echo "Installing redis-server."
  # RUNLEVEL keeps the package from starting a service: none is needed.
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q > /dev/null || give_up "apt-get update failed. $how"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends redis-server > /dev/null \
    || give_up "apt-get install failed. $how"
  command -v redis-server > /dev/null || give_up "$how"
}
