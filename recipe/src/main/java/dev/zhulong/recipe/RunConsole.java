package dev.zhulong.recipe;

import dev.zhulong.data.Progress;
import dev.zhulong.train.log.ProgressLine;
import java.util.Locale;
import java.util.function.LongSupplier;

/** What a job says before training begins. */
final class RunConsole {
    private static final long EVERY_NANOS = 5_000_000_000L;

    private final ProgressLine line;
    private final LongSupplier nanos = System::nanoTime;
    private long told = nanos.getAsLong();

    RunConsole(ProgressLine line) {
        this.line = line;
    }

    void message(String text) {
        line.message(text);
    }

    /** A line every few seconds. */
    Progress progress() {
        return (stage, done, total, unit) -> {
            long now = nanos.getAsLong();
            if (now - told >= EVERY_NANOS) {
                told = now;
                line.message(String.format(Locale.ROOT, "%s: %s%s %s", stage, ProgressLine.count(done),
                        total > 0 ? " of " + ProgressLine.count(total) : "", unit));
            }
        };
    }
}
