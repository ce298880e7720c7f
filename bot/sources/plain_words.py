"""The elements of RSS and Atom by the names feedparser gives them, and what each is to us."""

from __future__ import annotations

from enum import Enum


class ElementRole(Enum):
    """What an element is to us. Three are named as the field of an entry that they fill."""

    TITLE = "title"
    LINK = "link"
    ID = "id"
    DESCRIPTION = "description"
    SUMMARY = "summary"
    CONTENT = "content"
    ENCODED = "encoded"
    PUBLISHED = "published"
    UPDATED = "updated"
    CREATED = "created"
    AUTHOR = "author"
    NAME = "name"
    CATEGORY = "category"
    ENCLOSURE = "enclosure"
    SOURCE = "source"
    WANTED = "wanted"  # its text is kept under its own name
    IGNORED = "ignored"  # feedparser does something with it that we have no use for
    ENTRY = "entry"
    STRUCTURE = "structure"
    REFUSED = "refused"

    __hash__ = object.__hash__  # an Enum's own goes by its name, which a million look-ups feel


WANTED = frozenset(
    "prism_doi doi dc_doi dc_identifier prism_url prism_publicationname feedburner_origlink pdf_url "
    "arxiv_doi arxiv_journal_reference arxiv_journal_ref arxiv_announce_type "
    "arxiv_primary_category".split()
)

_DATES = {
    ElementRole.PUBLISHED: "published issued pubdate dcterms_issued",
    ElementRole.UPDATED: "updated modified lastbuilddate dc_date dcterms_modified",
    ElementRole.CREATED: "created dcterms_created",
}
_IN_ENTRY = _DATES | {
    ElementRole.TITLE: "title dc_title",
    ElementRole.LINK: "link",
    ElementRole.ID: "guid id",
    ElementRole.DESCRIPTION: "description dc_description",
    ElementRole.SUMMARY: "summary",
    ElementRole.CONTENT: "content",
    ElementRole.ENCODED: "content_encoded fullitem",
    ElementRole.AUTHOR: "author dc_creator dc_author",
    ElementRole.CATEGORY: "category dc_subject keywords",
    ElementRole.ENCLOSURE: "enclosure",
    ElementRole.SOURCE: "source",
    ElementRole.WANTED: " ".join(sorted(WANTED)),
    ElementRole.IGNORED: "contributor dc_contributor dc_publisher webmaster rights dc_rights copyright "
    "language dc_language generator cc_license creativecommons_license dcterms_valid media_thumbnail "
    "media_content media_credit media_group media_rating",
}
_IN_CHANNEL = _DATES | {
    ElementRole.TITLE: "title dc_title",
    ElementRole.WANTED: "prism_publicationname opensearch_totalresults",
    ElementRole.ENTRY: "item entry",
    ElementRole.STRUCTURE: "channel image",
    # feedparser takes what a channel says in full for the beginning of its first entry.
    ElementRole.REFUSED: "rss feed source textinput media_title body xhtml_body "
    "content content_encoded fullitem",
}


def _by_tag(roles: dict[ElementRole, str]) -> dict[str, ElementRole]:
    return {tag: role for role, tags in roles.items() for tag in tags.split()}


ENTRY_ROLES = _by_tag(_IN_ENTRY)
CHANNEL_ROLES = _by_tag(_IN_CHANNEL)

# What feedparser 6 has methods for; a test compares. Inside of an element that we ignore, one of
# these could still say something about the entry.
HANDLED = frozenset(
    "abstract admin_errorreportsto admin_generatoragent author body category cc_license channel cloud "
    "content content_encoded contributor copyright created creativecommons_license dc_author "
    "dc_contributor dc_creator dc_date dc_description dc_language dc_publisher dc_rights dc_subject "
    "dc_title dcterms_created dcterms_issued dcterms_modified dcterms_valid description email enclosure "
    "entry expirationdate feed feedburner_browserfriendly fullitem generator geom georssgeom "
    "georss_box georss_line "
    "georss_point georss_polygon georss_where gml_exterior gml_linearring gml_linestring gml_point "
    "gml_polygon gml_pos gml_poslist guid height homepage id image info issued item itunes_author "
    "itunes_block itunes_category itunes_email itunes_explicit itunes_image itunes_keywords itunes_link "
    "itunes_name itunes_owner itunes_subtitle itunes_summary keywords language lastbuilddate link "
    "managingeditor media_category media_content media_credit media_description media_group "
    "media_keywords media_license media_player media_rating media_restriction media_thumbnail "
    "media_title modified name newlocation psc_chapter psc_chapters pubdate published rights rss source "
    "subtitle summary tagline tags textinput title updated uri url webmaster where width "
    "xhtml_body".split()
)
# These say nothing to us wherever they stand.
_HARMLESS = frozenset(
    "media_thumbnail media_content media_credit media_group media_rating name uri url email width "
    "height homepage rights copyright language".split()
)
MEANING = (HANDLED - _HARMLESS) | WANTED | frozenset({"opensearch_totalresults"})

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ABOUT = "rdf:about"

# Of feedparser's namespaces those in which something has a meaning.
_PREFIXES = {
    "http://backend.userland.com/rss": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://example.com/newformat#": "",
    "http://example.com/necho": "",
    "http://purl.org/echo/": "",
    "uri/of/echo/namespace#": "",
    "http://purl.org/pie/": "",
    "http://purl.org/atom/ns#": "",
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/rss/1.0/modules/rss091#": "",
    "http://webns.net/mvcb/": "admin",
    "http://creativecommons.org/ns#license": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://cyber.law.harvard.edu/rss/creativecommonsrssmodule.html": "creativecommons",
    "http://backend.userland.com/creativecommonsrssmodule": "creativecommons",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.georss.org/georss": "georss",
    "http://www.opengis.net/gml": "gml",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://example.com/dtds/podcast-1.0.dtd": "itunes",
    "http://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/mrss/": "media",
    "http://prismstandard.org/namespaces/1.2/basic/": "prism",
    _RDF: "rdf",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/xml/1998/namespace": "xml",
    "http://podlove.org/simple-chapters": "psc",
}


def tag_of(name: str) -> str:
    """Return the name that feedparser has for an element: `uri local prefix` → `dc_creator`.

    A namespace that it knows decides; else the prefix that the document itself uses.
    """
    uri, _, rest = name.rpartition(" ") if name.count(" ") == 1 else ("", "", name)
    prefix = ""
    if name.count(" ") > 1:
        uri, rest, prefix = name.rsplit(" ", 2)
    lower = uri.lower()
    known = "" if "backend.userland.com/rss" in lower else _PREFIXES.get(lower, prefix.lower())
    return f"{known}_{rest.lower()}" if known else rest.lower()
