//! The Wazuh integration custom-opencti.
