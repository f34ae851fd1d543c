-- What is being added to an open pair, until it is there or was taken back.
ALTER TABLE trade ADD COLUMN adding TEXT;
