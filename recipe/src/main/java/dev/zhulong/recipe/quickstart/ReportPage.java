package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.AtomicFile;
import java.nio.file.Path;

/** {@code report.html}. */
final class ReportPage {
    static final String FILE = "report.html";

    private ReportPage() {}

    static void write(Path directory, Report report) {
        AtomicFile.writeString(directory.resolve(FILE), "<!doctype html><pre>" + report.json() + "</pre>");
    }
}
