//! A typed client for the questions a SOC asks of OpenCTI.
