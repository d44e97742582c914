//! Parse the alerts that Wazuh writes, and write the line that its queue reads.
