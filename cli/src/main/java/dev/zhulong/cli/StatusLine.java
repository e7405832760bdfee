package dev.zhulong.cli;

import dev.zhulong.data.Progress;
import dev.zhulong.formats.Sizes;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * One line on standard error that says how far a long job is: rewritten in place on a terminal, elsewhere a plain line every
 * {@value #PLAIN_SECONDS} seconds.
 */
final class StatusLine implements Progress, AutoCloseable {
    static final int PLAIN_SECONDS = 10;

    private final PrintWriter err;
    private final boolean terminal;
    private final long started = System.nanoTime();
    private long shownAt;
    private boolean shown;
    private String stage = "";
    private long stageStarted = started;

    StatusLine(PrintWriter err) {
        this(err, Terminal.interactive());
    }

    StatusLine(PrintWriter err, boolean terminal) {
        this.err = err;
        this.terminal = terminal;
        shownAt = started;
    }

    /** Shows {@code text} if it is time to. */
    synchronized void show(String text) {
        long now = System.nanoTime();
        if (now - shownAt < (terminal ? 100_000_000L : PLAIN_SECONDS * 1_000_000_000L)) {
            return;
        }
        shownAt = now;
        // a line wider than the window would wrap, and a wrapped line cannot be rewritten
        err.print(terminal ? "\r\u001b[2K\u001b[?7l" + text + "\u001b[?7h" : text + System.lineSeparator());
        err.flush();
        shown = terminal;
    }

    @Override
    public synchronized void update(String stage, long done, long total, String unit) {
        if (!stage.equals(this.stage)) {
            this.stage = stage;
            stageStarted = System.nanoTime();
        }
        double seconds = (System.nanoTime() - stageStarted) * 1e-9;
        var text = new StringBuilder(stage).append("  ").append(amount(done, unit));
        if (total > 0) {
            text.append(" of ").append(amount(total, unit)).append(String.format(Locale.ROOT, "  %d%%", Math.min(100, 100 * done / total)));
        }
        if (seconds > 1 && done > 0) {
            text.append("  ").append(amount((long) (done / seconds), unit)).append("/s");
            if (total > done) {
                text.append(String.format(Locale.ROOT, "  %.0f s left", seconds * (total - done) / done));
            }
        }
        show(text.toString());
    }

    /** A number of things; of bytes, as {@link Sizes} says it. */
    private static String amount(long count, String unit) {
        return unit.equals("bytes") ? Sizes.of(count) : String.format(Locale.ROOT, "%,d %s", count, unit);
    }

    /** Removes the line. */
    @Override
    public synchronized void close() {
        if (shown) {
            err.print("\r\u001b[2K");
            err.flush();
            shown = false;
        }
    }
}
