package dev.zhulong.data.label;

/** A text and what is to be written of it. */
public record TextPair(String source, String target) {}
