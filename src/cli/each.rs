//! Several companies, one after the other: what goes wrong with one costs the others nothing.

use std::collections::BTreeSet;

use super::outcome::{Exit, Failure};

/// The failures of single companies, and which companies were served nevertheless.
#[derive(Default)]
pub(super) struct CompanyFailures {
    failures: Vec<(String, Failure)>,
    served: BTreeSet<String>,
}

impl CompanyFailures {
    /// Notes how a company went; gives back what came of it.
    pub(super) fn note<T>(&mut self, company: &str, ended: Result<T, Failure>) -> Option<T> {
        match ended {
            Ok(done) => {
                self.served.insert(company.to_owned());
                Some(done)
            }
            Err(failure) => {
                self.failures.push((company.to_owned(), failure));
                None
            }
        }
    }

    /// Company and cause, as told to people.
    pub(super) fn causes(&self) -> impl Iterator<Item = (&str, String)> {
        self.failures
            .iter()
            .map(|(company, failure)| (company.as_str(), failure.to_string()))
    }

    /// True when no company was served.
    pub(super) fn all(&self) -> bool {
        self.served.is_empty() && !self.failures.is_empty()
    }

    /// How many companies were not served.
    pub(super) fn count(&self) -> usize {
        self.failures.len()
    }

    /// `exit` when nothing went wrong. Otherwise each failure is told: exit code 1 when others were served, and the
    /// failure's own when it is the only company there was.
    pub(super) fn end(self, exit: Exit) -> Result<Exit, Failure> {
        let failed: BTreeSet<&String> = self.failures.iter().map(|(company, _)| company).collect();
        let others = self.served.iter().any(|company| !failed.contains(company));
        let alone = !others && self.failures.len() == 1;
        let mut failures = self.failures.into_iter().map(|(company, failure)| match others {
            _ if alone => failure,
            true => failure.about(&company).of_the_run(),
            false => failure.about(&company),
        });
        let Some(mut last) = failures.next() else {
            return Ok(exit);
        };
        for next in failures {
            let _code = last.tell();
            last = next;
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::*;

    fn code(failures: CompanyFailures) -> ExitCode {
        failures.end(Exit::Waiting).map_or_else(Failure::tell, Into::into)
    }

    #[test]
    fn the_code_says_whether_others_were_served() {
        let mut failures = CompanyFailures::default();
        failures.note("acme", Ok(()));
        assert!(!failures.all());
        assert_eq!(code(failures), ExitCode::from(3), "nothing went wrong");

        let usage = || Err::<(), _>(Failure::usage("no such folder"));
        let mut failures = CompanyFailures::default();
        failures.note("acme", usage());
        assert!(failures.all());
        assert_eq!(code(failures), ExitCode::from(2), "as if it were the only one");

        let mut failures = CompanyFailures::default();
        failures.note("acme", usage());
        failures.note("other", Ok(()));
        assert_eq!(code(failures), ExitCode::from(1));

        // It began, and broke later.
        let mut failures = CompanyFailures::default();
        failures.note("acme", Ok(()));
        failures.note("acme", usage());
        assert_eq!(code(failures), ExitCode::from(2));
    }
}
