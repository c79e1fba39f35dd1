# Sourced by run-tests: installs PgBouncer, over which the tests of PostgreSQL run the store once, where it is missing and can be installed. Needs the
# functions give_up and install_package.
install_pgbouncer() {
  PATH=$PATH:/usr/sbin command -v pgbouncer > /dev/null && return
  install_package pgbouncer "PgBouncer is missing. Install it (Debian: apt-get install pgbouncer), and run this again."
}
