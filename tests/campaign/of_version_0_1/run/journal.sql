BEGIN TRANSACTION;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs,
    attempt INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions,
    begun_at TEXT NOT NULL,
    backend TEXT NOT NULL,
    request TEXT NOT NULL UNIQUE,
    folder TEXT NOT NULL,
    container_id TEXT,
    generation INTEGER,
    ended_at TEXT,
    ending TEXT,
    exit_code INTEGER,
    reason TEXT,
    duration_s REAL, ran_from TEXT, ran_until TEXT,
    UNIQUE (run, attempt)
);
INSERT INTO "attempts" VALUES(1,'alpha-good',1,1,'2026-11-29T09:42:05.412261+00:00','alpha','alpha-good.1','alpha/alpha-good/attempt-1','8878:5994227',1,'2026-11-29T09:42:05.441947+00:00','exited',0,'',2.87260689947288483381e-02,'2026-11-29T09:42:05.441444+00:00','2026-11-29T09:42:05.441725+00:00');
INSERT INTO "attempts" VALUES(2,'alpha-bad',1,1,'2026-11-29T09:42:05.442827+00:00','alpha','alpha-bad.1','alpha/alpha-bad/attempt-1','8878:5994227',1,'2026-11-29T09:42:05.457078+00:00','exited',3,'',1.38791819990728981792e-02,'2026-11-29T09:42:05.456595+00:00','2026-11-29T09:42:05.456875+00:00');
INSERT INTO "attempts" VALUES(3,'beta-long',1,1,'2026-11-29T09:42:05.457917+00:00','beta','beta-long.1','beta/beta-long/attempt-1','8842:5994209',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE looks (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    backend TEXT NOT NULL,
    generation INTEGER NOT NULL,
    health TEXT NOT NULL,
    reason TEXT NOT NULL,
    memory_used_bytes INTEGER,
    memory_total_bytes INTEGER,
    baseline_bytes INTEGER
);
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    campaign TEXT NOT NULL,
    created_at TEXT NOT NULL
);
INSERT INTO "meta" VALUES(1,'kernels','2026-11-29T09:42:04.510954+00:00');
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE REFERENCES runs,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL
);
INSERT INTO "outcomes" VALUES(1,'alpha-good',1,'2026-11-29T09:42:05.442521+00:00','completed','');
INSERT INTO "outcomes" VALUES(2,'alpha-bad',1,'2026-11-29T09:42:05.457601+00:00','failed','exit code 3');
CREATE TABLE runs (
    run TEXT PRIMARY KEY NOT NULL,
    experiment TEXT NOT NULL,
    backend TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions
);
INSERT INTO "runs" VALUES('alpha-good','good','alpha',1,1,1);
INSERT INTO "runs" VALUES('alpha-bad','bad','alpha',1,1,1);
INSERT INTO "runs" VALUES('beta-long','long','beta',1,1,1);
INSERT INTO "runs" VALUES('beta-last-r1','last','beta',1,1,1);
INSERT INTO "runs" VALUES('beta-last-r2','last','beta',1,2,1);
CREATE TABLE sessions (
    session INTEGER PRIMARY KEY,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    digests TEXT NOT NULL
, software TEXT NOT NULL DEFAULT '{}');
INSERT INTO "sessions" VALUES(1,'2026-11-29T09:42:04.562090+00:00',NULL,'host','00000000-0000-4000-8000-000000000001',8001,'5993894','{"campaign": "ca09b9c92eba0a733add3cf6404877a3e085806095c789c6e4eaf9ba9d2c10ff", "experiment alpha-bad": "90f612fef961ea9650b03147efa7d5552ed2467300883c1da42d6e207e448a36", "experiment alpha-good": "0595af19444365281c7bbe586eed9529d553340ded9a509fd3eb0046e9f2d801", "experiment beta-last": "6c1fe6aca46e5bbfbeeb10af50234a14afded24d8e4fea60e82861fa1b0c427f", "experiment beta-long": "32ca2a766fd439ee921df11687b08fb2fee5abf61d0fd91d628696558913b178", "service alpha": "f43471ff5e39142150379c5163958dc81fcbf6c5edc2bffa6153de89703398fa", "service beta": "0faca1f220741e0a5e471e8bc227fd36051f532460750b21cb34187096c88f35"}','{"dockwarden": "0.1.0", "python": "3.11.7", "runtime": "local processes on host, without a container engine: images, users, networks and limits have no effect", "system": "Linux-6.1.0-x86_64-with-glibc2.36"}');
CREATE TABLE transitions (
    seq INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    at TEXT NOT NULL,
    backend TEXT NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    action TEXT,
    reason TEXT NOT NULL,
    generation INTEGER NOT NULL,
    container_id TEXT,
    facts TEXT
, restarts_left INTEGER);
INSERT INTO "transitions" VALUES(1,1,'2026-11-29T09:42:04.776425+00:00','beta','start','stopped','starting','launch','needed',1,NULL,NULL,3);
INSERT INTO "transitions" VALUES(2,1,'2026-11-29T09:42:04.797087+00:00','alpha','start','stopped','starting','launch','needed',1,NULL,NULL,3);
INSERT INTO "transitions" VALUES(3,1,'2026-11-29T09:42:05.376629+00:00','beta','proved_ready','starting','ready',NULL,'passed its readiness gate',1,'8842:5994209',NULL,3);
INSERT INTO "transitions" VALUES(4,1,'2026-11-29T09:42:05.386917+00:00','alpha','proved_ready','starting','ready',NULL,'passed its readiness gate',1,'8878:5994227',NULL,3);
INSERT INTO "transitions" VALUES(5,1,'2026-11-29T09:42:05.412767+00:00','alpha','dispatch','ready','busy','execute','alpha-good.1',1,'8878:5994227',NULL,3);
INSERT INTO "transitions" VALUES(6,1,'2026-11-29T09:42:05.441881+00:00','alpha','finish','busy','ready',NULL,'its command ended',1,'8878:5994227',NULL,3);
INSERT INTO "transitions" VALUES(7,1,'2026-11-29T09:42:05.443062+00:00','alpha','dispatch','ready','busy','execute','alpha-bad.1',1,'8878:5994227',NULL,3);
INSERT INTO "transitions" VALUES(8,1,'2026-11-29T09:42:05.457012+00:00','alpha','finish','busy','ready',NULL,'its command ended',1,'8878:5994227',NULL,3);
INSERT INTO "transitions" VALUES(9,1,'2026-11-29T09:42:05.458264+00:00','beta','dispatch','ready','busy','execute','beta-long.1',1,'8842:5994209',NULL,3);
CREATE INDEX attempts_open ON attempts (id) WHERE ended_at IS NULL;
CREATE TRIGGER outcomes_once BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE run = NEW.run)
BEGIN SELECT RAISE(ABORT, 'this run has its outcome already'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER outcomes_never_go BEFORE DELETE ON outcomes
BEGIN SELECT RAISE(ABORT, 'an outcome is written once'); END;
CREATE TRIGGER transitions_stay BEFORE UPDATE ON transitions
BEGIN SELECT RAISE(ABORT, 'a transition is written once'); END;
CREATE TRIGGER transitions_never_go BEFORE DELETE ON transitions
BEGIN SELECT RAISE(ABORT, 'a transition is written once'); END;
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON attempts WHEN OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'this attempt has its end already'); END;
CREATE TRIGGER attempts_never_go BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is written once'); END;
COMMIT;
PRAGMA user_version = 2;
PRAGMA application_id = 1147885412;
