package dev.zhulong.train.log;

import java.io.Console;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * The line that tells how a run is going.
 *
 * <pre>{@code
 * try (var line = ProgressLine.on(System.err)) {
 *     line.update(new Progress(10, 2_000, 3.21, 1.23, 12_300, 0.45, 220));
 *     line.message("sample: public static void main");   // stays above the line
 * }
 * }</pre>
 *
 * <p>On a terminal one line is rewritten in place, at most ten times a second. Anywhere else (a file, a pipe, a dumb terminal) a plain
 * line comes at most every {@value #PLAIN_SECONDS} seconds and at {@link #report}. Messages stand on lines of their own; control
 * characters in them, which a model may well produce, never reach the terminal. Safe for several threads.
 */
public final class ProgressLine implements AutoCloseable {

    /**
     * Where a run stands. A value that is NaN or infinite is not known yet and left out; {@code loss} alone is always shown.
     *
     * @param step            optimizer steps finished
     * @param total           optimizer steps of the run
     * @param loss            in the objective's unit
     * @param bitsPerByte     of the text, 0 or more
     * @param tokensPerSecond tokens trained on a second
     * @param matrixShare     achieved FLOP/s as a share of this machine's measured matrix speed, 0 to 1
     * @param secondsLeft     expected until the end
     */
    public record Progress(long step, long total, double loss, double bitsPerByte, double tokensPerSecond, double matrixShare,
            double secondsLeft) {

        /** For example {@code step 1,200/2,000  loss 3.2100  1.230 bits/byte  12.3k tokens/s  45% of matrix speed  3m40s left}. */
        @Override
        public String toString() {
            List<String> parts = new ArrayList<>();
            parts.add(text("step %,d/%,d", step, total));
            parts.add(Double.isFinite(loss) ? text("loss %.4f", loss) : "loss " + loss);
            if (Double.isFinite(bitsPerByte)) {
                parts.add(text("%.3f bits/byte", bitsPerByte));
            }
            if (Double.isFinite(tokensPerSecond)) {
                parts.add(count(tokensPerSecond) + " tokens/s");
            }
            if (Double.isFinite(matrixShare)) {
                parts.add(text("%.0f%% of matrix speed", 100 * matrixShare));
            }
            if (Double.isFinite(secondsLeft)) {
                parts.add(duration(secondsLeft) + " left");
            }
            return String.join("  ", parts);
        }
    }

    static final int PLAIN_SECONDS = 10;
    private static final long PLAIN_NANOS = PLAIN_SECONDS * 1_000_000_000L;
    private static final long TERMINAL_NANOS = 100_000_000L;
    private static final String ERASE = "\r\u001b[2K";
    // a line wider than the window would wrap, and a wrapped line can't be erased: cut it at the margin instead
    private static final String NO_WRAP = "\u001b[?7l";
    private static final String WRAP = "\u001b[?7h";

    private final PrintWriter out;
    private final boolean terminal;
    private final LongSupplier nanos;
    private Progress latest;
    private String shown = "";
    private long shownAt;
    private boolean everShown;

    ProgressLine(PrintStream out, boolean terminal, LongSupplier nanos) {
        this(new PrintWriter(out, false, out.charset()), terminal, nanos);
    }

    private ProgressLine(PrintWriter out, boolean terminal, LongSupplier nanos) {
        this.out = out;
        this.terminal = terminal;
        this.nanos = nanos;
    }

    /** A line on standard output or error; finds out by itself whether that is a terminal. */
    public static ProgressLine on(PrintStream out) {
        return new ProgressLine(out, isTerminal(), System::nanoTime);
    }

    /** The same where a writer stands for the stream. */
    public static ProgressLine on(PrintWriter out) {
        return new ProgressLine(out, isTerminal(), System::nanoTime);
    }

    private static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal() && !"dumb".equals(System.getenv("TERM"));
    }

    /** Says where the run stands; shown if it is time to. */
    public synchronized void update(Progress progress) {
        latest = progress;
        long now = nanos.getAsLong();
        if (!everShown || now - shownAt >= (terminal ? TERMINAL_NANOS : PLAIN_NANOS)) {
            show(now);
        }
    }

    /** Says where the run stands and shows it now: at an evaluation, and at the end. */
    public synchronized void report(Progress progress) {
        latest = progress;
        show(nanos.getAsLong());
    }

    /** Prints a text, of one or several lines, that stays; the progress line goes on below it. */
    public synchronized void message(String text) {
        String lines = printable(text.strip().isEmpty() ? text : text.stripTrailing());
        out.print(terminal && !shown.isEmpty() ? ERASE + lines + "\n" + NO_WRAP + shown + WRAP : lines + "\n");
        out.flush();
    }

    /** Shows the latest state if it was not shown yet, and leaves the cursor on a new line. */
    @Override
    public synchronized void close() {
        if (latest != null && !latest.toString().equals(shown)) {
            show(nanos.getAsLong());
        }
        if (terminal && !shown.isEmpty()) {
            out.print("\n");
            out.flush();
        }
        latest = null;
        shown = "";
    }

    private void show(long now) {
        shown = latest.toString();
        shownAt = now;
        everShown = true;
        out.print(terminal ? ERASE + NO_WRAP + shown + WRAP : shown + "\n");
        out.flush();
    }

    /** Line ends and tabs stay; other control characters, which could move the cursor or worse, become U+FFFD. */
    static String printable(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.replace("\r\n", "\n").codePoints().forEach(c ->
                safe.appendCodePoint(Character.isISOControl(c) && c != '\n' && c != '\t' ? 0xfffd : c));
        return safe.toString();
    }

    /** A count in at most four figures: {@code 950}, {@code 12.3k}, {@code 1.25M}, {@code 31.0G}. */
    public static String count(double value) {
        String sign = value < 0 ? "-" : "";
        double size = Math.abs(value);
        String[] units = {"", "k", "M", "G", "T", "P", "E"};
        for (int u = 0; u < units.length; u++, size /= 1000) {
            // 999.6 is 1.00k, not 1000
            if (size < 999.5 || u == units.length - 1) {
                int decimals = u == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
                return sign + text("%." + decimals + "f", size) + units[u];
            }
        }
        throw new AssertionError(value);
    }

    /** Seconds as {@code 0.4s}, {@code 42s}, {@code 3m05s}, {@code 2h07m}, {@code 4d03h}. */
    public static String duration(double seconds) {
        if (!Double.isFinite(seconds) || seconds < 0) {
            return "?";
        }
        if (seconds < 9.95) {
            return text("%.1fs", seconds);
        }
        long s = Math.round(seconds);
        if (s < 60) {
            return s + "s";
        }
        if (s < 3600) {
            return text("%dm%02ds", s / 60, s % 60);
        }
        long m = Math.round(seconds / 60);
        if (m < 24 * 60) {
            return text("%dh%02dm", m / 60, m % 60);
        }
        long h = Math.round(seconds / 3600);
        return text("%dd%02dh", h / 24, h % 24);
    }

    private static String text(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
