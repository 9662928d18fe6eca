//! stub
use crate::endpoint::Endpoint;
use std::time::Duration;
#[derive(Debug)]
pub struct Request {
    pub endpoint: Endpoint,
    pub messages: Vec<Vec<u8>>,
    pub connect_timeout: Duration,
    pub reply_timeout: Duration,
}
