package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.ProcessorTime;
import dev.zhulong.data.document.Document;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TimeIsLinearInTheTextTest {

    private static final int LENGTH = 1 << 20;

    /** A quadratic scan of a million characters takes minutes of the processor; its time is taken, not the clock's, so that a busy machine passes. */
    @ParameterizedTest
    @ValueSource(strings = {"a", "@", "a@", "a@b.", "1", "1 ", "1.", "1-", "+1", "(", "(4", "+", "-", "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ", "eyJ", "eyJ.",
        "eyJaaaaaaaaaaaa.", "=", "token=", "password:", "password='", "::", "2001:", "2001::", "4111 1111 1111 111", "/*", "//",
                "// Copyright 2020\n", "/* Copyright 2020 */",
        "<!--", "<!doctype", "<?xml", "#\n", "\n", " ", " \n", "a \n", "Home\n", "Home|", "...", "{", "\\u4e00", "0x", "\uD800", "\u0301",
                "\u0323\u0301", "\u200D", "中",
        "中。", "sk-", "ghp_", "xoxb-", "the ", "import ", "<?php ", "\u0000"})
    void millionsOfTheSame(String piece) {
        String text = piece.repeat(LENGTH / piece.length());
        for (String id : new String[] {"a", "a.java", "a.xml", "a.md"}) {
            boolean decidesOnlyTheComments = id.equals("a") || id.equals("a.xml");
            for (String name : decidesOnlyTheComments ? List.of("licence-headers") : Steps.names()) {
                var step = name.equals("language") ? Steps.byName("language:en") : Steps.byName(name);
                double start = ProcessorTime.ofThisThread();
                step.apply(new Document(id, text));
                assertThat(ProcessorTime.ofThisThread() - start).as(name + " on " + id).isLessThan(3);
            }
        }
    }
}
