package dev.zhulong.guard;

/** Something that a rule's words or patterns have found: a fact for the rules that decide. */
public final class Match {
    private final String rule;
    private final String text;
    private final int begin;
    private final int end;
    private final int ordinal;

    Match(String rule, String text, int begin, int end, int ordinal) {
        this.rule = rule;
        this.text = text;
        this.begin = begin;
        this.end = end;
        this.ordinal = ordinal;
    }

    /** Id of the rule, {@code SET/RULE}. */
    public String getRule() {
        return rule;
    }

    /** As it was written. */
    public String getText() {
        return text;
    }

    /** Its place in the text, in UTF-16 units. */
    public int getBegin() {
        return begin;
    }

    /** Which of the rule's matches in the text it is, from 1. */
    public int getOrdinal() {
        return ordinal;
    }

    /** Behind it. */
    public int getEnd() {
        return end;
    }
}
