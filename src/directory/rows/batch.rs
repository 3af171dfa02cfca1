//! Imports of the address book as jobs (wecom-api BT-1 to BT-4). Their end is an event, or asked for.
//!
//! Must not know: the files that are imported.

use super::{
    super::declare::{endpoints, shapes},
    shapes::JobCallback,
};

shapes! {
    /// One line of a job's result; which fields there are depends on the job.
    JobItem {
        errcode: i64,
        errmsg: String,
        userid: Option<String>,
        /// 1 made, 2 changed, 3 deleted.
        action: Option<i64>,
        partyid: Option<i64>,
    }
}

endpoints! {
    /// Adds and changes members from an uploaded CSV file. Codes: 302003 to 302006 file problems.
    "BT-1" batch_sync_user BatchSyncUser C "90980" "增量更新成员"
    POST "/cgi-bin/batch/syncuser" [contact()]
    { media_id: String }
    optional { to_invite: bool, callback: JobCallback }
    => Job { jobid: String }

    /// Replaces all members: who is missing in the file is DELETED.
    "BT-2" batch_replace_user BatchReplaceUser C "90981" "全量覆盖成员"
    POST "/cgi-bin/batch/replaceuser" [contact()]
    { media_id: String }
    optional { to_invite: bool, callback: JobCallback }
    => Job

    /// Replaces all departments.
    "BT-3" batch_replace_party BatchReplaceParty C "90982" "全量覆盖部门"
    POST "/cgi-bin/batch/replaceparty" [contact()]
    { media_id: String }
    optional { callback: JobCallback }
    => Job

    /// A job's state; the last 5 are kept (40089). Items have codes of their own while the answer's is 0.
    "BT-4" batch_get_result BatchGetResult C "90983" "获取异步任务结果"
    GET "/cgi-bin/batch/getresult" [contact() repeatable()]
    { jobid: String }
    => JobResult {
        /// 1 started, 2 running, 3 done.
        status: i64,
        /// `sync_user`, `replace_user`, `replace_party` or `invite_user`.
        kind = "type": String,
        total: i64,
        /// 0 to 100.
        percentage: i64,
        result: Vec<JobItem>,
    }
}
