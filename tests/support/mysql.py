"The server that tests run on: MariaDB, or with TEST_MYSQL=mysql a MySQL, which is fetched first."
import os

import mariadb, mysql

DIALECT = os.environ.get('TEST_MYSQL', 'mariadb')
server = dict(mariadb=mariadb.server, mysql=mysql.server)[DIALECT]


def new_database(name):
    "The statements that make an empty database."
    return f'drop database if exists {name}', f'create database {name}'


def new_user(name):
    "The statements that make somebody with the password of everybody, and no rights."
    who = f"{name}@'127.0.0.1'"
    return f'drop user if exists {who}', f"create user {who} identified by '{os.environ['MYSQL_PWD']}'"
