//! Departments (wecom-api DP-1 to DP-6).
//!
//! Must not know: members.

use super::{
    super::declare::{endpoints, shapes},
    shapes::Done,
};

shapes! {
    /// A department. The name is missing for callers that may not see it.
    Department {
        id: i64,
        name: Option<String>,
        name_en: Option<String>,
        department_leader: Option<Vec<String>>,
        /// 0 for the root.
        parentid: i64,
        /// Up to 2^32-1.
        order: i64,
    }
}

endpoints! {
    /// Makes a department; 15 levels and 30 000 in all. Codes: 60001 name, 60004 parent missing, 60008 exists.
    "DP-1" department_create DepartmentCreate C "90205" "创建部门"
    POST "/cgi-bin/department/create" [contact()]
    {
        /// 1 to 32 characters, none of `\:*?"<>|`.
        name: String,
        parentid: i64,
    }
    optional {
        name_en: String,
        /// Up to 2^32-1.
        order: i64,
        /// Above 1.
        id: i64,
    }
    => CreatedDepartment { id: i64 }

    /// Changes a department; absent keys keep.
    "DP-2" department_update DepartmentUpdate C "90206" "更新部门"
    POST "/cgi-bin/department/update" [contact()]
    { id: i64 }
    optional { name: String, name_en: String, parentid: i64, order: i64 }
    => Done

    /// Deletes an empty department that is not the root (60005 members, 60006 children).
    "DP-3" department_delete DepartmentDelete C "90207" "删除部门"
    GET "/cgi-bin/department/delete" [contact()]
    { id: i64 }
    => Done

    /// A department and all below it; slow on large trees, for which [`DepartmentSimpleList`] and [`DepartmentGet`] are
    /// advised.
    "DP-4" department_list DepartmentList A "90208" "获取部门列表"
    GET "/cgi-bin/department/list" [repeatable() holds(&["department"])]
    {}
    optional {
        /// The whole tree without it.
        id: i64,
    }
    => Departments {
        /// Singular on the wire.
        department: Vec<Department>,
    }

    /// The tree without names. The array stands under a misleading key.
    "DP-5" department_simple_list DepartmentSimpleList A "95350" "获取子部门ID列表"
    GET "/cgi-bin/department/simplelist" [repeatable()]
    {}
    optional { id: i64 }
    => DepartmentIds { department_id: Vec<Department> }

    /// One department: the key of [`DepartmentList`], but an object. Code: 60003, 60123 unknown.
    "DP-6" department_get DepartmentGet A "95351" "获取单个部门详情"
    GET "/cgi-bin/department/get" [repeatable()]
    { id: i64 }
    => OneDepartment { department: Department }
}
