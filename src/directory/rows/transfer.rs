//! Handing customers and groups over (wecom-api TR-1 to TR-9).
//!
//! Must not know: why somebody left.

use super::{
    super::declare::{endpoints, shapes},
    shapes::{Done, FailedChat, TransferState, TransferredCustomer},
};

shapes! {
    /// A customer of somebody who left.
    Unassigned {
        handover_userid: String,
        external_userid: String,
        /// Spelt so; seconds.
        dimission_time: i64,
    }
}

endpoints! {
    /// Customers of members who left, until they are handed over.
    "TR-1" unassigned_list UnassignedList B "92124" "获取待分配的离职成员列表"
    POST "/cgi-bin/externalcontact/get_unassigned_list" [repeatable() cursor()]
    {}
    optional {
        /// From 0, `page_id` times `page_size` below 50 000; the cursor is better, and with this one none comes back.
        page_id: i64,
        cursor: String,
        /// At most 1000, which is the default.
        page_size: i64,
    }
    => UnassignedCustomers { info: Vec<Unassigned>, is_last: bool, next_cursor: Option<String> }

    /// Retired in 2020 for [`TransferCustomer`]; 48005 is to be expected.
    "TR-2" transfer_legacy TransferLegacy C "92125 (old text)" "分配客户（旧）"
    POST "/cgi-bin/externalcontact/transfer" []
    { external_userid: String, handover_userid: String, takeover_userid: String }
    optional {
        /// At most 200 characters.
        transfer_success_msg: String,
    }
    => Done

    /// Retired for [`TransferResult`].
    "TR-3" transfer_result_legacy TransferResultLegacy C "— (page removed)" "查询客户接替结果（旧）"
    POST "/cgi-bin/externalcontact/get_transfer_result" [repeatable()]
    { external_userid: String, handover_userid: String, takeover_userid: String }
    => LegacyTransferState {
        /// As [`TransferState::status`].
        status: i64,
        /// Seconds.
        takeover_time: i64,
    }

    /// Groups of an owner who left; 300 a day for a new owner. Groups that failed are in the answer, with `errcode` 0.
    "TR-4" group_chat_transfer GroupChatTransfer C "92127" "分配离职成员的客户群"
    POST "/cgi-bin/externalcontact/groupchat/transfer" []
    {
        /// 1 to 100.
        chat_id_list: Vec<String>,
        new_owner: String,
    }
    => TransferredGroups { failed_chat_list: Vec<FailedChat> }

    /// Customers of a member who stays; after 24 hours. Each has a code of its own.
    "TR-5" transfer_customer TransferCustomer C "92125" "分配在职成员的客户"
    POST "/cgi-bin/externalcontact/transfer_customer" []
    {
        handover_userid: String,
        takeover_userid: String,
        /// At most 100.
        external_userid: Vec<String>,
    }
    optional {
        /// At most 200 characters.
        transfer_success_msg: String,
    }
    => TransferredCustomers { customer: Vec<TransferredCustomer> }

    /// What became of them, 1000 a page.
    "TR-6" transfer_result TransferResult C "94088" "查询客户接替状态"
    POST "/cgi-bin/externalcontact/transfer_result" [repeatable() cursor()]
    { handover_userid: String, takeover_userid: String }
    optional { cursor: String }
    => TransferStates { customer: Vec<TransferState>, next_cursor: Option<String> }

    /// Customers of a member who left.
    "TR-7" resigned_transfer_customer ResignedTransferCustomer C "94081" "分配离职成员的客户"
    POST "/cgi-bin/externalcontact/resigned/transfer_customer" []
    {
        handover_userid: String,
        takeover_userid: String,
        /// At most 100.
        external_userid: Vec<String>,
    }
    => TransferredCustomers

    /// What became of them.
    "TR-8" resigned_transfer_result ResignedTransferResult C "94082" "查询离职客户接替状态"
    POST "/cgi-bin/externalcontact/resigned/transfer_result" [repeatable() cursor()]
    { handover_userid: String, takeover_userid: String }
    optional { cursor: String }
    => TransferStates

    /// Groups of an owner who stays.
    "TR-9" group_chat_onjob_transfer GroupChatOnjobTransfer C "95703" "分配在职成员的客户群"
    POST "/cgi-bin/externalcontact/groupchat/onjob_transfer" []
    {
        /// 1 to 100.
        chat_id_list: Vec<String>,
        new_owner: String,
    }
    => TransferredGroups
}
