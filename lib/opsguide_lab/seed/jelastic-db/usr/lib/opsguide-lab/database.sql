-- The schemas and tables that public code of operators names, small, and two histories that the lab has made up
-- (hivext_jbilling.charge_history, hivext_jelastic.node_statistic): a row every few hours.
CREATE DATABASE hivext_users;
CREATE DATABASE hivext_jelastic;
CREATE DATABASE hivext_jbilling;
CREATE TABLE hivext_users.user (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, email VARCHAR(64), created DATETIME, KEY (created));
CREATE TABLE hivext_users.application (id INT AUTO_INCREMENT PRIMARY KEY, appid CHAR(32), uid INT UNSIGNED, KEY (uid));
CREATE TABLE hivext_jelastic.app_nodes (id INT AUTO_INCREMENT PRIMARY KEY, env VARCHAR(64), uid INT UNSIGNED);
CREATE TABLE hivext_jelastic.soft_node (id INT AUTO_INCREMENT PRIMARY KEY, app_node INT, name VARCHAR(64));
CREATE TABLE hivext_jelastic.node_statistic (
    id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, node INT, taken DATETIME NOT NULL, cpu INT, memory INT, KEY (taken));
CREATE TABLE hivext_jbilling.account (id INT AUTO_INCREMENT PRIMARY KEY, uid INT UNSIGNED, account_group INT);
CREATE TABLE hivext_jbilling.account_group (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(64));
CREATE TABLE hivext_jbilling.charge_history (
    id INT AUTO_INCREMENT PRIMARY KEY, account INT NOT NULL, charged DATETIME NOT NULL, amount DECIMAL(12,4) NOT NULL,
    note CHAR(20), KEY (charged), KEY (account));
INSERT INTO hivext_users.user (email, created) SELECT CONCAT('user', seq, '@lab.example'), '2022-01-01' + INTERVAL seq WEEK FROM seq_1_to_200;
INSERT INTO hivext_jbilling.account_group (name) VALUES ('trial'), ('billing');
INSERT INTO hivext_jbilling.account (uid, account_group) SELECT seq, 1 + seq % 2 FROM seq_1_to_200;
INSERT INTO hivext_jbilling.charge_history (account, charged, amount, note)
    SELECT 1 + seq % 20, '2022-01-01' + INTERVAL 4 * seq HOUR, (seq % 97) / 10, 'charge' FROM seq_0_to_10000;
INSERT INTO hivext_jelastic.node_statistic (node, taken, cpu, memory)
    SELECT 1001 + seq % 3, '2024-01-01' + INTERVAL 90 * seq MINUTE, seq % 100, seq % 512 FROM seq_0_to_15000;
FLUSH PRIVILEGES;
CREATE USER replica@'127.0.0.1';
GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1';
CREATE USER opsguide@localhost IDENTIFIED BY '@PASSWORD@';
GRANT PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO opsguide@localhost;
GRANT SELECT ON `hivext\_%`.* TO opsguide@localhost;
ANALYZE TABLE hivext_users.user, hivext_jbilling.account, hivext_jbilling.charge_history, hivext_jelastic.node_statistic;
