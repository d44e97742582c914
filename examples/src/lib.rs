//! Examples and end-to-end cases for custom-opencti.
