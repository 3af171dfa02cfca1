//! Links, online documents, articles (messages §4.11, §4.20, §4.23).

use serde::Serialize;

use super::{
    super::{
        json::View,
        phrase::{Language, joined},
        place::{Place, Texts},
    },
    Nest, Shape,
};

/// `link`. All fields may be empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Link {
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Where it leads.
    pub link_url: String,
    /// Preview picture.
    pub image_url: String,
}

impl Shape for Link {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            title: payload.text("title"),
            description: payload.text("description"),
            link_url: payload.text("link_url"),
            image_url: payload.text("image_url"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Link, &self.title);
        out.add(Place::Link, &self.description);
        out.add(Place::Link, &self.link_url);
    }

    fn line(&self, language: Language) -> String {
        language.tag("链接", "link", &joined(" ", &[&self.title, &self.link_url]))
    }
}

/// `docmsg`: an online document; its content is not archived.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DocMsg {
    /// Title.
    pub title: String,
    /// Where it leads.
    pub link_url: String,
    /// Member id of who made it.
    pub doc_creator: String,
}

impl Shape for DocMsg {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        Self {
            title: payload.text("title"),
            link_url: payload.text("link_url"),
            doc_creator: payload.text("doc_creator"),
        }
    }

    fn texts(&self, out: &mut Texts) {
        out.add(Place::Link, &self.title);
        out.add(Place::Link, &self.link_url);
    }

    fn line(&self, language: Language) -> String {
        language.tag(
            "在线文档",
            "document",
            &joined(" ", &[&self.title, &self.link_url]),
        )
    }
}

/// `news`: articles.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct News {
    /// The articles; the older flat form is one article.
    #[serde(rename = "item")]
    pub articles: Vec<Article>,
}

/// One article of `news`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Article {
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Where it leads.
    pub url: String,
    /// Picture.
    pub picurl: String,
}

impl Article {
    fn of(item: View<'_>) -> Self {
        Self {
            title: item.text("title"),
            description: item.text("description"),
            url: item.text("url"),
            picurl: item.text("picurl"),
        }
    }
}

impl Shape for News {
    fn read(payload: View<'_>, _: &mut Nest) -> Self {
        let flat = Some(Article::of(payload)).filter(|article| *article != Article::default());
        let listed = payload
            .list("item")
            .filter(|item| item.is_object())
            .map(Article::of);
        Self {
            articles: flat.into_iter().chain(listed).collect(),
        }
    }

    fn texts(&self, out: &mut Texts) {
        for article in &self.articles {
            out.add(Place::Link, &article.title);
            out.add(Place::Link, &article.description);
            out.add(Place::Link, &article.url);
        }
    }

    fn line(&self, language: Language) -> String {
        let title = self
            .articles
            .first()
            .map(|article| article.title.trim())
            .unwrap_or_default();
        let more = match self.articles.len() {
            0 | 1 => title.to_owned(),
            count => format!("{title} ({})", language.count(count, "篇", "article")),
        };
        language.tag("图文", "article", &more)
    }
}
