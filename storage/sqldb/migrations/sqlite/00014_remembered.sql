-- +goose Up

-- What the desk remembers from one start to the next, such as the rules that it judged by.
CREATE TABLE remembered (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
