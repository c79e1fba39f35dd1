# Sourced by run-tests: installs Chromium, in which the tests look at the dashboard, where it is missing and can be installed. Needs the functions give_up and install_package.
# With CHROMIUM_PATH, the path of its program, that one is used instead.
install_chromium() {
  if [[ -n ${CHROMIUM_PATH:-} ]]; then
    [[ -x $CHROMIUM_PATH ]] || give_up "CHROMIUM_PATH is '$CHROMIUM_PATH', which is not a program."
    return
  fi
  [[ -x /usr/bin/chromium ]] && return
  local how="Chromium is missing. Install it (Debian: apt-get install chromium), or set CHROMIUM_PATH to its program, and run this again."
  install_package chromium "$how"
  [[ -x /usr/bin/chromium ]] || give_up "$how"
}
