//! Match Wazuh alerts against threat intelligence and build the enriched events.
