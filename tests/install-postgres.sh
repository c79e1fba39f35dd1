# Sourced by run-tests and fault-run: installs PostgreSQL where it is missing and can be installed. Needs a function give_up.
# With POSTGRES_BIN, the folder of its programs, that one is used instead.
install_postgres() {
  if [[ -n ${POSTGRES_BIN:-} ]]; then
    [[ -x $POSTGRES_BIN/initdb && -x $POSTGRES_BIN/postgres ]] \
      || give_up "POSTGRES_BIN is '$POSTGRES_BIN', which is not the folder of PostgreSQL's programs: it has no initdb and postgres."
    return
  fi
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null && return
  local how="PostgreSQL is missing. Install it (Debian: apt-get install postgresql), or set POSTGRES_BIN to the folder of its programs, and run this again."
  command -v apt-get > /dev/null || give_up "$how"
  local root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo > /dev/null || give_up "$how"
    root=(sudo)
  fi
  echo "Installing postgresql."
  # RUNLEVEL keeps the package from starting a service, and no cluster is made: neither is needed.
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q > /dev/null || give_up "apt-get update failed. $how"
  "${root[@]}" mkdir -p /etc/postgresql-common
  [[ -e /etc/postgresql-common/createcluster.conf ]] || echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf > /dev/null
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends postgresql > /dev/null \
    || give_up "apt-get install failed. $how"
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || give_up "$how"
}
