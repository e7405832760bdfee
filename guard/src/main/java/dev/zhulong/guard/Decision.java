package dev.zhulong.guard;

/**
 * What is done about a match.
 *
 * @param rule   that decided
 * @param action what
 * @param with   the other text, the note, or what the user is told; may be empty
 * @param begin  of what it is done to, in the text that was looked at, in UTF-16 units
 * @param end    behind it
 */
public record Decision(String rule, Action action, String with, int begin, int end) {}
