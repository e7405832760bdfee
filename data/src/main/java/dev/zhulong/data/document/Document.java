package dev.zhulong.data.document;

/** One text with where it came from. */
public record Document(String id, String text) {
}
