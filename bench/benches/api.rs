//! Reading: answers of WeCom's server API, from bytes to typed values.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use shiguan::directory::{
    Wire,
    rows::{contacts::ExternalContacts, groups::OneGroupChat},
};

/// A customer group with so many members, every field that the platform sends.
fn group(members: usize) -> Vec<u8> {
    let members: Vec<Value> = (0..members)
        .map(|nth| {
            json!({
                "userid": format!("wmAAAAAAAAAAAAAAAAAAAAAAA{nth:07}"), "type": 2, "join_time": 1_700_000_000 + nth,
                "join_scene": 3, "invitor": {"userid": "zhangsan"}, "group_nickname": "", "name": format!("客户{nth}"),
                "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdfR1",
            })
        })
        .collect();
    json!({"errcode": 0, "errmsg": "ok", "group_chat": {
        "chat_id": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA", "name": "销售客服群", "owner": "zhangsan",
        "create_time": 1_572_505_490, "notice": "文明沟通", "member_list": members,
        "admin_list": [{"userid": "lisi"}], "member_version": "71217227bbd112ecfe3a49c482195cb4",
    }})
    .to_string()
    .into_bytes()
}

/// A page of customers.
fn page(customers: usize) -> Vec<u8> {
    let customers: Vec<Value> = (0..customers)
        .map(|nth| {
            json!({
                "external_contact": {
                    "external_userid": format!("woAAAAAAAAAAAAAAAAAAAAAAA{nth:07}"), "name": format!("李{nth}"),
                    "position": "Manager", "avatar": "http://p.qlogo.cn/bizmail/IcsdgagqefergqerhewSdage/0",
                    "corp_name": "腾讯", "corp_full_name": "腾讯科技有限公司", "type": 2, "gender": 1,
                    "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA", "external_profile": {"external_attr": [
                        {"type": 0, "name": "文本名称", "text": {"value": "文本"}},
                        {"type": 1, "name": "网页名称", "web": {"url": "http://www.test.com", "title": "标题"}}]},
                },
                "follow_info": {
                    "userid": "rocky", "remark": "李部长", "description": "对接采购事务", "createtime": 1_525_779_812,
                    "tag_id": ["etAJ2GCAAAXtWyujaWJHDDGi0mACHAAA", "etAJ2GCAAAXtWyujaWJHDDGi0mACHAAB"],
                    "remark_corp_name": "腾讯科技", "remark_mobiles": ["13800000001", "13000000002"],
                    "oper_userid": "rocky", "add_way": 3, "state": "",
                },
            })
        })
        .collect();
    json!({"errcode": 0, "errmsg": "ok", "external_contact_list": customers, "next_cursor": "r9FqSqsI8fgNbHLHE5QoCP50UIg2cFQbfma3l2QsmwI"})
        .to_string()
        .into_bytes()
}

fn read<T: Wire>(bytes: &[u8]) -> T {
    let value: Value = serde_json::from_slice(bytes).expect("JSON");
    T::read(&value).expect("an object")
}

fn api(criterion: &mut Criterion) {
    let (group, page) = (group(500), page(100));
    assert_eq!(read::<OneGroupChat>(&group).group_chat.member_list.len(), 500);
    assert_eq!(read::<ExternalContacts>(&page).external_contact_list.len(), 100);
    let mut benches = criterion.benchmark_group("api");
    benches.throughput(Throughput::Bytes(group.len() as u64));
    benches.bench_function("group of 500 members", |bencher| {
        bencher.iter(|| read::<OneGroupChat>(&group));
    });
    benches.throughput(Throughput::Bytes(page.len() as u64));
    benches.bench_function("page of 100 customers", |bencher| {
        bencher.iter(|| read::<ExternalContacts>(&page));
    });
    benches.finish();
}

criterion_group!(benches, api);
criterion_main!(benches);
