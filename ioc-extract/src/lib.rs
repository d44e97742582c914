//! Find indicators of compromise in text and give them one canonical form.
