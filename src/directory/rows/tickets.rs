//! Tickets for pages inside WeCom (wecom-api JS-1, JS-2, §5.3): 7200 seconds, 400 an hour for a company, 100 for an app.
//! They are kept as tokens are. Code: 42012 the wrong one of the two was used.
//!
//! Must not know: the pages.

use super::super::{declare::endpoints, row::per_hour};
use crate::secret::Secret;

endpoints! {
    /// The company's ticket.
    "JS-1" get_jsapi_ticket GetJsapiTicket C "90506" "获取企业的jsapi_ticket"
    GET "/cgi-bin/get_jsapi_ticket" [repeatable() limits(&[per_hour(100)])]
    {}
    => Ticket {
        ticket: Secret,
        /// Seconds.
        expires_in: i64,
    }

    /// The app's ticket.
    "JS-2" get_agent_ticket GetAgentTicket C "90506" "获取应用的jsapi_ticket"
    GET "/cgi-bin/ticket/get" [repeatable() limits(&[per_hour(100)])]
    {
        /// `agent_config`.
        kind = "type": String,
    }
    => Ticket
}
