# Sourced by run-tests and fault-run: installs redis-server where it is missing and can be installed. Needs the functions give_up and install_package.
# With REDIS_SERVER that server is used instead.
install_redis() {
  if [[ -n ${REDIS_SERVER:-} ]]; then
    [[ $REDIS_SERVER == /* && -f $REDIS_SERVER && -x $REDIS_SERVER ]] \
      || give_up "REDIS_SERVER is '$REDIS_SERVER', which is not the full path of a program that can be started."
    return
  fi
  command -v redis-server > /dev/null && return
  local how="redis-server is missing. Install it (Debian: apt-get install redis-server; macOS: brew install redis) and run this again."
  install_package redis-server "$how"
  command -v redis-server > /dev/null || give_up "$how"
}
