//! Comes in: the addresses that the demo will serve at. Goes out: a message that a newcomer can act on if one of them is taken.
//! Never keeps a port.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::config::Config;

/// An address that cannot be served at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    /// Another process listens there.
    #[error(
        "port {} is taken: {address} is in use by another process, perhaps by another demo: end it, or choose \
         another address with {flag} (e.g. {flag} {}:0 for any free port)",
        address.port(), address.ip()
    )]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
    },
    /// The address is not one of this machine, or not allowed.
    #[error("{address} cannot be served at: choose another address with {flag}")]
    Unusable {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

/// Tries every address before anything is started.
///
/// # Errors
/// The first address that cannot be served at.
pub(crate) fn check(config: &Config) -> Result<(), PortError> {
    for (address, flag) in [(config.otlp_http, "--otlp-http"), (config.admin, "--admin")] {
        match TcpListener::bind(address) {
            Ok(_free) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(PortError::Taken { address, flag });
            }
            Err(source) => return Err(PortError::Unusable { address, flag, source }),
        }
    }
    Ok(())
}
