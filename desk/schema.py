"""The tables of the desk's database. `store.py` is the only reader of this.

Everything here is a projection: it can be thrown away and read again from the topics. A count is one row per series and
5 minutes; an hour is a sum of twelve. Series are interned, since one name stands in hundreds of rows.
"""

VERSION = 1

TABLES = """
create table if not exists marks (
    topic text not null, partition integer not null, next integer not null,
    primary key (topic, partition)) without rowid;
create table if not exists generations (topic text primary key, id text not null) without rowid;
create table if not exists transitions (
    alert text not null, number integer not null, partition integer not null, place integer not null, body text not null,
    primary key (alert, number));
create table if not exists alerts (
    alert text primary key, number integer not null, series text not null, rule text not null, state text not null,
    severity integer not null, page integer not null, recorded integer not null, onset_ms integer not null,
    at_ms integer not null, fired_ms integer, resolved_ms integer, score real not null, peak real not null,
    why text not null, minutes integer not null, negative integer not null, all_texts integer not null,
    copies integer not null,    expected real not null, expected_all real not null) without rowid;
create index if not exists alerts_state on alerts (state, recorded, at_ms);
create table if not exists documents (
    row integer primary key, id text not null unique, partition integer not null, place integer not null,
    source text not null, kind text not null, lang text not null, story text not null, position integer not null,
    author text, url text, snippet text not null, published_ms integer not null, appended_ms integer not null,
    topic text not null, sentiment text not null, p_negative real not null, bundle text not null);
create index if not exists documents_place on documents (partition, place);
create table if not exists series (id integer primary key, name text not null unique);
create table if not exists appearances (
    series integer not null, published_ms integer not null, document integer not null,
    negative integer not null, copy integer not null, p_negative real not null,
    primary key (series, published_ms, document)) without rowid;
create table if not exists counts (
    series integer not null, start_ms integer not null,
    texts integer not null, negative integer not null, copies integer not null,
    primary key (series, start_ms)) without rowid;
create table if not exists sources (source text primary key, body text not null) without rowid;
create table if not exists unreadable (
    topic text not null, partition integer not null, place integer not null, reason text not null, detail text not null,
    primary key (topic, partition, place)) without rowid;
create table if not exists facts (name text primary key, value integer not null) without rowid;
"""
