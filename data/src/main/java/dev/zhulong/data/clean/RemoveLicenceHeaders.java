package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.List;
import java.util.Locale;

/**
 * Removes the comments at the head of a source file that speak of copyright or licence; other leading comments, a class's Javadoc among
 * them, stay. A shebang, an XML declaration or a doctype before them stays too. Ends at the first code.
 */
public record RemoveLicenceHeaders() implements CleaningStep {

    /** Each lies within one line of the notices it is taken from, so that removing a comment never joins two halves into a match. */
    private static final List<String> PHRASES = List.of("spdx-license-identifier", "spdx-filecopyrighttext", "do not alter or remove",
            "do not remove or alter", "all rights reserved", "(c) copyright", "licensed under", "licensed to the", "licenced under",
            "general public license", "apache license", "mit license", "mit licence", "bsd license", "bsd-style",
            "mozilla public license", "eclipse public license", "permission is hereby granted", "permission to use, copy",
            "redistribution and use in source", "subject to the terms of", "under the terms of the", "released to the public domain",
            "creativecommons.org/publicdomain", "creativecommons.org/licenses", "see license in", "see the license",
            "license that can be found in", "license terms", "版权所有", "著作权所有", "许可证");

    @Override
    public String name() {
        return "licence-headers";
    }

    @Override
    public Decision apply(Document document) {
        String text = document.text();
        CommentSyntax syntax = FileKind.of(document.id()).comments();
        if (syntax == null) {
            syntax = CommentSyntax.sniff(text);
        }
        StringBuilder out = null;
        int copied = 0;
        int removed = 0;
        for (int at = skipSpace(text, 0);;) {
            int end = commentEnd(text, at, syntax);
            if (end < 0) {
                end = prologueEnd(text, at);
                if (end < 0) {
                    break;
                }
            } else if (speaksOfLicence(text, at, end)) {
                out = out == null ? new StringBuilder(text.length()) : out;
                out.append(text, copied, at);
                copied = lineStart(text, end, skipSpace(text, end));
                removed++;
            }
            at = skipSpace(text, end);
        }
        if (removed == 0) {
            return new Decision.Keep(document, null);
        }
        out.append(text, copied, text.length());
        return new Decision.Keep(new Document(document.id(), out.toString()), removed + " licence header" + (removed == 1 ? "" : "s"));
    }

    private static int skipSpace(String text, int from) {
        int at = from;
        while (at < text.length() && (text.charAt(at) <= ' ' || text.charAt(at) == '\uFEFF')) {
            at++;
        }
        return at;
    }

    /** The start of the line that {@code at} is on, not before {@code from}: keeps the indentation of what follows a removed comment. */
    private static int lineStart(String text, int from, int at) {
        for (int i = at; i > from; i--) {
            if (text.charAt(i - 1) == '\n') {
                return i;
            }
        }
        return at;
    }

    /** End of the comment (block, or run of line comments) that starts at {@code at}; -1 if none starts there or it never ends. */
    private static int commentEnd(String text, int at, CommentSyntax syntax) {
        if (syntax.open() != null && text.startsWith(syntax.open(), at)) {
            int close = text.indexOf(syntax.close(), at + syntax.open().length());
            return close < 0 ? -1 : close + syntax.close().length();
        }
        int end = -1;
        int line = at;
        while (line < text.length() && startsLineComment(text, line, syntax)) {
            int newline = text.indexOf('\n', line);
            end = newline < 0 ? text.length() : newline;
            line = end + 1;
            while (line < text.length() && (text.charAt(line) == ' ' || text.charAt(line) == '\t')) {
                line++;
            }
        }
        return end;
    }

    private static boolean startsLineComment(String text, int at, CommentSyntax syntax) {
        if (text.startsWith("#!", at)) {
            return false;
        }
        for (String marker : syntax.lineMarkers()) {
            if (text.startsWith(marker, at)) {
                return true;
            }
        }
        return false;
    }

    private static int prologueEnd(String text, int at) {
        if (at == 0 && text.startsWith("#!")) {
            int newline = text.indexOf('\n');
            return newline < 0 ? text.length() : newline;
        }
        if (text.startsWith("<?php", at)) {
            return at + 5;
        }
        String close = text.startsWith("<?xml", at) ? "?>" : text.regionMatches(true, at, "<!doctype", 0, 9) ? ">" : null;
        int end = close == null ? -1 : text.indexOf(close, at);
        return end < 0 ? -1 : end + close.length();
    }

    private static boolean speaksOfLicence(String text, int from, int to) {
        String comment = text.substring(from, to).toLowerCase(Locale.ROOT);
        for (String phrase : PHRASES) {
            if (comment.contains(phrase)) {
                return true;
            }
        }
        for (int at = comment.indexOf("copyright"); at >= 0; at = comment.indexOf("copyright", at + 1)) {
            int next = at + "copyright".length();
            while (next < comment.length() && (comment.charAt(next) == ' ' || comment.charAt(next) == ':')) {
                next++;
            }
            if (next < comment.length() && startsNotice(comment, next)) {
                return true;
            }
        }
        return false;
    }

    /** "copyright 2024", "copyright (c)", "copyright by": a notice, not a sentence about copyright. */
    private static boolean startsNotice(String comment, int at) {
        char c = comment.charAt(at);
        return c >= '0' && c <= '9' || c == '©' || comment.startsWith("(c)", at) || comment.startsWith("by ", at);
    }
}
