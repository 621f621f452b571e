-- Whose a token is: a person's number in the firm's own list of people. A name is what they are called.
-- Tokens given out before are taken for those of as many people as there were names.

ALTER TABLE personal_tokens ADD COLUMN person text NOT NULL DEFAULT '' CHECK (person = btrim(person));
UPDATE personal_tokens SET person = 'name:' || lower(regexp_replace(btrim(name), '\s+', ' ', 'g'));
ALTER TABLE personal_tokens ALTER COLUMN person DROP DEFAULT;
ALTER TABLE personal_tokens ADD CONSTRAINT a_token_is_somebodys CHECK (person <> '');
