-- Daily statistics owed to the bureau, each as it was made when its day had been closed.
CREATE TABLE bureau_upload (
    day             date        PRIMARY KEY,
    statistics      text        NOT NULL,  -- JSON: what is sent, byte for byte
    owed_at         timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error      text,
    received_at     timestamptz,
    receipt         text                   -- what the bureau answered
);
CREATE INDEX bureau_upload_owed ON bureau_upload (next_attempt_at) WHERE received_at IS NULL;
