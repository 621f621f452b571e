-- Whose a token of the control API is: a person's number, as in personal_tokens. A token without one is a
-- machine's: it can ask for whatever its scopes allow, and is nobody's voice where two people are needed.
-- Tokens issued before are nobody's: of none of them is it known whose they are.

ALTER TABLE api_tokens ADD COLUMN person text NOT NULL DEFAULT '' CHECK (person = btrim(person));
