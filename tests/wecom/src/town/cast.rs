//! The company behind a generated corpus: its people, rooms and ids are those of the messages.

use sdk_mock::generate::{Plan, Player, Role, cast};

use super::{Company, Customer, CustomerTag, Department, Follow, Member, MemberTag, Room};

/// Departments below the root, round and round.
const DEPARTMENTS: [&str; 4] = ["销售部", "客服部", "财务部", "技术部"];
/// Where rooms get their names from.
const ROOMS: [&str; 6] = [
    "项目协作群",
    "周会群",
    "发布通知群",
    "值班群",
    "报价评审群",
    "后勤群",
];
const GROUPS: [&str; 6] = [
    "售后服务群",
    "新品体验群",
    "区域经销商群",
    "会员福利群",
    "交付沟通群",
    "答疑群",
];
const TAGS: [(&str, &str); 4] = [
    ("重点客户", "等级"),
    ("普通客户", "等级"),
    ("老客户", "来源"),
    ("展会", "来源"),
];
const POSITIONS: [&str; 4] = ["客户经理", "主管", "专员", "顾问"];
/// Everybody joined and was added so long before the first message, seconds.
const BEFORE: i64 = 30 * 24 * 3600;

impl Company {
    /// Derived from the plan's cast, so that a corpus and its directory agree.
    pub fn of(plan: &Plan) -> Self {
        let (players, talks) = cast(plan);
        let since = plan.start_time_ms / 1000 - BEFORE;
        let mut company = Self {
            fetch_child: true,
            departments: vec![department(1, "本公司", 0)],
            ..Self::default()
        };
        for (nth, name) in DEPARTMENTS.iter().enumerate() {
            company.departments.push(department(nth as i64 + 2, name, 1));
        }
        for (nth, (name, group)) in TAGS.iter().enumerate() {
            company.customer_tags.push(CustomerTag {
                id: format!("etTAG{nth:027}"),
                name: (*name).to_owned(),
                group: (*group).to_owned(),
            });
        }
        for (nth, player) in players.iter().enumerate() {
            company.add(nth, player);
        }
        let (mut internal, mut external) = (0, 0);
        for talk in &talks {
            let people: Vec<&Player> = talk.people.iter().map(|who| &players[*who]).collect();
            match &talk.room {
                Some(id) => {
                    let (names, count) = if talk.external {
                        (GROUPS, &mut external)
                    } else {
                        (ROOMS, &mut internal)
                    };
                    let name = format!("{}{}", names[*count % names.len()], *count + 1);
                    *count += 1;
                    company.room(Room {
                        id: id.clone(),
                        name,
                        owner: people[0].id.clone(),
                        made: since,
                        customers: talk.external,
                        people: people
                            .iter()
                            // Robots are in no list of members.
                            .filter(|player| player.role != Role::Robot)
                            .map(|player| (player.id.clone(), since, String::new()))
                            .collect(),
                        ..Room::default()
                    });
                }
                None if talk.external => company.follow(people[0], people[1], since),
                None => {}
            }
        }
        company.member_tags.push(MemberTag {
            id: 1,
            name: "值班".to_owned(),
            members: company.recorded.iter().step_by(5).cloned().collect(),
            departments: vec![4],
        });
        company
    }

    fn add(&mut self, nth: usize, player: &Player) {
        match player.role {
            Role::Member => {
                self.recorded.push(player.id.clone());
                self.member(Member {
                    userid: player.id.clone(),
                    name: player.name.clone(),
                    position: POSITIONS[nth % POSITIONS.len()].to_owned(),
                    departments: vec![(nth % DEPARTMENTS.len()) as i64 + 2],
                    ..Member::default()
                });
            }
            Role::Customer => self.customer(Customer {
                id: player.id.clone(),
                name: player.name.clone(),
                company: format!("{}的公司", player.name),
                follows: Vec::new(),
            }),
            Role::Robot => {
                let maker = self.recorded.first().cloned().unwrap_or_default();
                self.robots
                    .insert(player.id.clone(), (player.name.clone(), maker));
            }
        }
    }

    fn follow(&mut self, member: &Player, customer: &Player, since: i64) {
        let nth = self.customers.len() + member.id.len() + customer.name.len();
        let tag = self.customer_tags[nth % self.customer_tags.len()].id.clone();
        let Some(known) = self.customers.get_mut(&customer.id) else {
            return;
        };
        if known.follows.iter().all(|follow| follow.userid != member.id) {
            known.follows.push(Follow {
                userid: member.id.clone(),
                remark: format!(
                    "{}（{}）",
                    customer.name,
                    ["老客户", "介绍来的", "展会认识"][nth % 3]
                ),
                since,
                tags: vec![tag],
                own_tags: Vec::new(),
            });
        }
    }
}

fn department(id: i64, name: &str, parent: i64) -> Department {
    Department {
        id,
        name: name.to_owned(),
        parent,
    }
}
