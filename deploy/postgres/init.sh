#!/bin/sh
# Runs once, on an empty data folder: makes the service's user and its database. The superuser's password, which the
# image wants, is taken away again: from then on nobody is one who does not come from inside the container.
set -eu

psql -v ON_ERROR_STOP=1 -U postgres -d postgres \
	-v service="$SERVICE" -v database="${SERVICE}_db" -v password="$POSTGRES_PASSWORD" <<-'SQL'
	CREATE ROLE :"service" LOGIN PASSWORD :'password';
	CREATE DATABASE :"database" OWNER :"service";
	REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
	ALTER ROLE postgres PASSWORD NULL;
SQL

# Who keeps the audit may add to it and change nothing: the node logs in as another user than migrations do.
if [ "$SERVICE" = audit ]; then
	psql -v ON_ERROR_STOP=1 -U postgres -d postgres -v password="$AUDIT_SERVICE_PASSWORD" <<-'SQL'
		CREATE ROLE audit_app NOLOGIN;
		GRANT audit_app TO audit;
		CREATE ROLE audit_service LOGIN PASSWORD :'password' IN ROLE audit_app;
		GRANT CONNECT ON DATABASE audit_db TO audit_service;
	SQL
fi
