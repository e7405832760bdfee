package dev.zhulong.data.clean;

import static dev.zhulong.data.clean.Cleaning.assertUnchanged;
import static dev.zhulong.data.clean.Cleaning.java;
import static dev.zhulong.data.clean.Cleaning.keep;
import static dev.zhulong.data.clean.Cleaning.text;
import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.Document;
import org.junit.jupiter.api.Test;

class LicenceHeadersGoAndJavadocStaysTest {

    private final RemoveLicenceHeaders step = new RemoveLicenceHeaders();

    @Test
    void blockCommentGoesWithTheBlankLinesAfterIt() {
        assertThat(text(step, java("/*\n * Copyright (c) 2001, 2024, Harbour Ltd.\n */\n\npackage harbour;\n")))
                .isEqualTo("package harbour;\n");
    }

    @Test
    void severalHeadersGo() {
        var keep = keep(step,
                java("/* Copyright 2020 A */\n/* DO NOT REMOVE OR ALTER! */\n\n/* plain */\n// SPDX-License-Identifier: MIT\nclass A {}"));
        assertThat(keep.document().text()).isEqualTo("/* plain */\nclass A {}");
        assertThat(keep.note()).isEqualTo("3 licence headers");
    }

    @Test
    void javadocThatDoesNotSpeakOfLicencesStays() {
        assertUnchanged(step, java("/** Counts lamps and checks who holds the copyright of a picture. */\npublic class Lamps {}\n"));
        assertUnchanged(step, java("package a;\n\n/* Copyright 2020: not at the head */\nclass A {}\n"));
        assertThat(text(step, java("/* Licensed under the Apache License */\n/** Counts lamps. */\nclass A {}")))
                .isEqualTo("/** Counts lamps. */\nclass A {}");
    }

    @Test
    void everyCommentSyntax() {
        assertThat(text(step, new Document("a.py",
                "#!/usr/bin/env python\n# Copyright 2020 A\n# All rights reserved.\n\n# Counts.\nx = 1\n")))
                .isEqualTo("#!/usr/bin/env python\n# Counts.\nx = 1\n");
        assertThat(text(step, new Document("a.xml", "<?xml version=\"1.0\"?>\n<!-- Licensed to the Harbour -->\n<a/>\n")))
                .isEqualTo("<?xml version=\"1.0\"?>\n<a/>\n");
        assertThat(text(step, new Document("a.sql", "-- 版权所有 2020\nSELECT 1;\n"))).isEqualTo("SELECT 1;\n");
        assertThat(text(step, new Document("a.hs", "{- (c) Copyright 1999 -}\nmain = 1\n"))).isEqualTo("main = 1\n");
        assertThat(text(step, new Document("A.go", "// Copyright 2009 A. All rights reserved.\n\n// Package a counts.\npackage a\n")))
                .isEqualTo("// Package a counts.\npackage a\n");
    }

    @Test
    void unknownNameIsJudgedByItsLook() {
        assertThat(text(step, new Document("17", "/* Copyright 2020 A */\nint x;\n"))).isEqualTo("int x;\n");
        assertUnchanged(step, new Document("17", "# Copyright 2020: a history of law\n\nThe law of copyright is old.\n"));
    }

    @Test
    void indentationAfterAHeaderStays() {
        assertThat(text(step, java("// Copyright 2020 A\n\n    int x;\n"))).isEqualTo("    int x;\n");
    }

    @Test
    void unclosedCommentAndEmptyTextAreLeftAlone() {
        assertUnchanged(step, java("/* Copyright 2020 and no end"));
        assertUnchanged(step, java(""));
        assertThat(text(step, java("// Copyright 2020"))).isEmpty();
    }
}
