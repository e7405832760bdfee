package dev.zhulong.data.clean;

/** A piece of personal data at {@code [start, end)} of a text. */
record Match(PersonalData kind, int start, int end) {
}
