# Sourced by run-tests and fault-run: installs PostgreSQL where it is missing and can be installed. Needs the functions give_up and install_package.
# With POSTGRES_BIN, the folder of its programs, that one is used instead.
install_postgres() {
  if [[ -n ${POSTGRES_BIN:-} ]]; then
    [[ -x $POSTGRES_BIN/initdb && -x $POSTGRES_BIN/postgres ]] \
      || give_up "POSTGRES_BIN is '$POSTGRES_BIN', which is not the folder of PostgreSQL's programs: it has no initdb and postgres."
    return
  fi
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null && return
  local how="PostgreSQL is missing. Install it (Debian: apt-get install postgresql), or set POSTGRES_BIN to the folder of its programs, and run this again."
  # No cluster is made: none is needed.
  install_package postgresql "$how" bash -c 'mkdir -p /etc/postgresql-common
    [[ -e /etc/postgresql-common/createcluster.conf ]] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf'
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || give_up "$how"
}
