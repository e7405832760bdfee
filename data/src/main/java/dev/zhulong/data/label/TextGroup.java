package dev.zhulong.data.label;

import java.util.Optional;

/** A text, one that belongs to it, and perhaps one that does not although it looks so. */
public record TextGroup(String anchor, String positive, Optional<String> negative) {}
