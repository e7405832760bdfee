package dev.zhulong.formats.progress;

import dev.zhulong.formats.Visible;
import java.io.Console;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * A job's events as text: the line that says how far it is, and above it what it says.
 *
 * <pre>{@code
 * try (var line = ProgressLine.on(System.err)) {
 *     line.at("clean", 12_000_000, 90_000_000, "bytes");
 *     line.message("sample: public static void main");   // stays above the line
 * }
 * }</pre>
 *
 * <p>On a terminal one line is rewritten in place, at most ten times a second. Anywhere else (a file, a pipe, a dumb terminal) a plain
 * line comes at most every {@value #PLAIN_SECONDS} seconds. Events with values (steps of a training) are shown from the first on, and the last
 * of them stays; how far another stage is appears only if it takes its time, with its pace, and goes when the stage is over. Control
 * characters in messages, which a model may well produce, never reach the terminal. Safe for several threads.
 */
public final class ProgressLine implements Progress, AutoCloseable {

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
    /** The newest event with values. */
    private Event latest;
    private String shown = "";
    private boolean passing;
    private long shownAt;
    private boolean everShown;
    private String stage = "";
    private long stageBegan;

    ProgressLine(PrintStream out, boolean terminal, LongSupplier nanos) {
        this(new PrintWriter(out, false, out.charset()), terminal, nanos);
    }

    private ProgressLine(PrintWriter out, boolean terminal, LongSupplier nanos) {
        this.out = out;
        this.terminal = terminal;
        this.nanos = nanos;
        shownAt = nanos.getAsLong();
    }

    /** A line on standard output or error; finds out by itself whether that is a terminal. */
    public static ProgressLine on(PrintStream out) {
        return new ProgressLine(out, isTerminal(), System::nanoTime);
    }

    /** The same where a writer stands for the stream. */
    public static ProgressLine on(PrintWriter out) {
        return new ProgressLine(out, isTerminal(), System::nanoTime);
    }

    /** Whether somebody sits before a terminal that can rewrite a line. */
    public static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal() && !"dumb".equals(System.getenv("TERM"));
    }

    /** Shows a message, or how far the job is if it is time to; the last of a stage with values is shown in any case. */
    @Override
    public synchronized void event(Event event) {
        if (event.isMessage()) {
            print(event.note());
        } else if (event.values().isEmpty()) {
            pass(event);
        } else if (event.isLast()) {
            report(event);
        } else {
            latest = event;
            long now = nanos.getAsLong();
            if (!everShown || isTime(now)) {
                show(now);
            }
        }
    }

    /** Shows an event with values now: at an evaluation, and at the end. */
    public synchronized void report(Event event) {
        latest = event;
        show(nanos.getAsLong());
    }

    private boolean isTime(long now) {
        return now - shownAt >= (terminal ? TERMINAL_NANOS : PLAIN_NANOS);
    }

    private void pass(Event event) {
        long now = nanos.getAsLong();
        if (!event.stage().equals(stage)) {
            stage = event.stage();
            stageBegan = now;
        }
        if (isTime(now)) {
            settle();
            show(event + pace(event, (now - stageBegan) * 1e-9), now);
            passing = true;
        }
    }

    private static String pace(Event event, double seconds) {
        if (seconds <= 1 || event.done() <= 0) {
            return "";
        }
        String pace = "  " + Event.amount((long) (event.done() / seconds), event.unit()) + "/s";
        return event.of() > event.done() ? pace + text("  %.0f s left", seconds * (event.of() - event.done()) / event.done()) : pace;
    }

    /** Prints a text that stays; the line goes on below it. */
    private void print(String text) {
        String lines = printable(text.strip().isEmpty() ? text : text.stripTrailing());
        boolean below = terminal && !shown.isEmpty();
        // how far a stage is may be over by now; the next event says
        out.print(below ? ERASE + lines + "\n" + (passing ? "" : NO_WRAP + shown + WRAP) : lines + "\n");
        if (passing) {
            shown = "";
        }
        out.flush();
    }

    /** Removes how far a stage is; shows the newest values if they were not shown yet, and leaves the cursor on a new line. */
    @Override
    public synchronized void close() {
        if (terminal && passing && !shown.isEmpty()) {
            out.print(ERASE);
            shown = "";
        }
        settle();
        out.flush();
    }

    /** Leaves the newest values where they are. */
    private void settle() {
        if (latest != null && !latest.toString().equals(shown)) {
            show(nanos.getAsLong());
        }
        if (terminal && !passing && !shown.isEmpty()) {
            out.print("\n");
        }
        latest = null;
        shown = "";
        passing = false;
    }

    private void show(long now) {
        show(latest.toString(), now);
        everShown = true;
        passing = false;
    }

    private void show(String text, long now) {
        shown = text;
        shownAt = now;
        out.print(terminal ? ERASE + NO_WRAP + shown + WRAP : shown + "\n");
        out.flush();
    }

    /** Line ends and tabs stay; other control characters, which could move the cursor or worse, become U+FFFD. */
    static String printable(String text) {
        return Visible.text(text.replace("\r\n", "\n"));
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
