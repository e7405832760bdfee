package dev.zhulong.evaluate.code;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;

/**
 * Runs a test's {@code main} in a JVM of its own and says how it ended. That it passed is said by a word that comes in from outside and that the tested code
 * cannot read. This class refers to {@code java.base} alone: nothing else is on that JVM's class path.
 */
final class Harness {
    private static final int LONGEST = 300;

    private Harness() {}

    /** @param args name of the test's class */
    public static void main(String[] args) throws IOException {
        String word = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII);
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        // what the code prints is of no interest, and there may be much of it
        var nowhere = new PrintStream(OutputStream.nullOutputStream());
        System.setOut(nowhere);
        System.setErr(nowhere);
        try {
            Method main = Class.forName(args[0]).getDeclaredMethod("main", String[].class);
            main.setAccessible(true);
            main.invoke(null, (Object) new String[0]);
            out.println(word + " passed");
        } catch (InvocationTargetException e) {
            out.println(word + " " + said(e.getCause()));
        } catch (Throwable e) {
            out.println(word + " " + said(e));
        }
        // threads that still run do not hold it up
        Runtime.getRuntime().halt(0);
    }

    private static String said(Throwable failure) {
        String name = failure.getClass().getName();
        try {
            String message = failure.getMessage();
            return message == null ? name : name + ": " + message.substring(0, Math.min(LONGEST, message.length())).replaceAll("\\s+", " ");
        } catch (Throwable another) {
            return name;
        }
    }
}
