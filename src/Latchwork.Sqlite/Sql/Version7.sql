-- Of an occurrence of a schedule: when it was claimed for the first time, in µs. By that it is judged whether it was missed.
ALTER TABLE events ADD COLUMN first_claimed INTEGER;
