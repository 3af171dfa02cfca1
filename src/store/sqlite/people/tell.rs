//! Reading what is known: of ids that stand on a page, of all there are.

use rusqlite::{Connection, Row, params};

use crate::{
    ids::{CompanyId, Millis},
    people::{Aspect, Class, History, Kind, Span, Subject},
    store::{
        Reader, Result, StoreError,
        contract::people::{Dossier, Headcount, Standing},
    },
};

const COLUMNS: &str = "s.id, s.company, s.class, s.kind, s.key, s.spelt, s.state, s.why, s.asked, s.answered";

impl Reader {
    /// What is known of these ids, as far as anything is. No aspects: all of them.
    pub fn dossiers(
        &self,
        company: Option<CompanyId>,
        class: Class,
        keys: &[&str],
        aspects: &[Aspect],
    ) -> Result<Vec<Dossier>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let view = self.view()?;
        let mut statement = view.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM json_each(?3) j CROSS JOIN company c
               CROSS JOIN subject s ON s.company = c.id AND s.class = ?2 AND s.key = j.value
             WHERE ?1 IS NULL OR c.id = ?1 ORDER BY s.id"
        ))?;
        let keys = serde_json::json!(keys).to_string();
        let values = params![company.map(|company| company.0), class.number(), keys];
        let mut found = statement
            .query_and_then(values, dossier)?
            .collect::<Result<Vec<_>>>()?;
        fill(&view, &mut found, aspects)?;
        Ok(found)
    }

    /// All of a class behind a row, with what is known of them; at most `limit`.
    pub fn dossier_page(
        &self,
        company: Option<CompanyId>,
        class: Class,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Dossier>> {
        let view = self.view()?;
        let mut statement = view.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM subject s
             WHERE s.id > ?1 AND (?2 IS NULL OR s.company = ?2) AND s.class = ?3 ORDER BY s.id LIMIT ?4"
        ))?;
        let values = params![
            after,
            company.map(|company| company.0),
            class.number(),
            limit as i64
        ];
        let mut found = statement
            .query_and_then(values, dossier)?
            .collect::<Result<Vec<_>>>()?;
        fill(&view, &mut found, &[])?;
        Ok(found)
    }

    /// How many of a class are known, unknown, not available; ids nobody has met in a message are left out.
    pub fn headcount(&self, company: Option<CompanyId>, class: Class) -> Result<Headcount> {
        let mut statement = self.conn.prepare_cached(
            "SELECT state, count(*) FROM subject
             WHERE (?1 IS NULL OR company = ?1) AND class = ?2 AND due < ?3 GROUP BY state",
        )?;
        let mut rows = statement.query(params![
            company.map(|company| company.0),
            class.number(),
            super::NEVER
        ])?;
        let mut count = Headcount::default();
        while let Some(row) = rows.next()? {
            let here = row.get::<_, i64>(1)?.unsigned_abs();
            match row.get::<_, i64>(0)? {
                0 => count.unknown = here,
                1 => count.known = here,
                _ => count.not_available = here,
            }
        }
        Ok(count)
    }
}

fn dossier(row: &Row<'_>) -> Result<Dossier> {
    let damaged = || StoreError::Damaged("a subject of no known class".into());
    let when = |column: usize| -> rusqlite::Result<Option<Millis>> {
        let at: i64 = row.get(column)?;
        Ok((at != 0).then_some(Millis(at)))
    };
    Ok(Dossier {
        row: row.get(0)?,
        company: CompanyId(row.get(1)?),
        subject: Subject {
            class: Class::from_number(row.get(2)?).ok_or_else(damaged)?,
            kind: Kind::from_number(row.get(3)?).ok_or_else(damaged)?,
            key: row.get(4)?,
            spelt: row.get(5)?,
        },
        standing: match row.get::<_, i64>(6)? {
            0 => Standing::Unknown,
            1 => Standing::Known,
            _ => Standing::NotAvailable,
        },
        why: row.get(7)?,
        asked: when(8)?,
        answered: when(9)?,
        history: History::default(),
    })
}

/// The spans of all of them in one question, in the order they were learnt.
fn fill(conn: &Connection, dossiers: &mut [Dossier], aspects: &[Aspect]) -> Result<()> {
    let rows: Vec<i64> = dossiers.iter().map(|dossier| dossier.row).collect();
    let aspects = if aspects.is_empty() { Aspect::ALL } else { aspects };
    let numbers: Vec<i64> = aspects.iter().map(|aspect| aspect.number()).collect();
    let mut statement = conn.prepare_cached(
        "SELECT k.subject, k.aspect, k.item, k.value, k.since, k.learnt, k.seen, k.until, k.how
         FROM json_each(?1) j JOIN known k ON k.subject = j.value
         WHERE k.aspect IN (SELECT value FROM json_each(?2)) ORDER BY k.subject, k.learnt, k.id",
    )?;
    let list = |numbers: &[i64]| serde_json::json!(numbers).to_string();
    let mut spans = statement.query([list(&rows), list(&numbers)])?;
    let at: std::collections::HashMap<i64, usize> =
        rows.iter().enumerate().map(|(at, row)| (*row, at)).collect();
    while let Some(row) = spans.next()? {
        let (Some(place), Some(aspect)) = (at.get(&row.get::<_, i64>(0)?), Aspect::from_number(row.get(1)?))
        else {
            continue;
        };
        let learnt = Millis(row.get(5)?);
        let since: i64 = row.get(4)?;
        let dossier = &mut dossiers[*place];
        dossier.history.0.push(Span {
            aspect,
            item: row.get(2)?,
            value: row.get(3)?,
            since: (since != 0).then_some(Millis(since)),
            learnt,
            seen: row
                .get::<_, Option<i64>>(6)?
                .map(Millis)
                .or(dossier.answered)
                .unwrap_or(learnt)
                .max(learnt),
            until: row.get::<_, Option<i64>>(7)?.map(Millis),
            how: row.get(8)?,
        });
    }
    Ok(())
}
