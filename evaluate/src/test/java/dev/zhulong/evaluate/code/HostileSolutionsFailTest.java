package dev.zhulong.evaluate.code;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.evaluate.code.JavaSandbox.Status;
import dev.zhulong.evaluate.code.JavaSandbox.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a solution tries besides solving does not help it, does not harm its surroundings and does not hold up those that come after. */
class HostileSolutionsFailTest {
    private static final JavaSandbox SANDBOX = new JavaSandbox(4, 64);
    private static final String TEST = """
            import java.util.*;
            public class Main {
                public static void main(String[] args) {
                    List<Integer> expected = Arrays.asList(2, 4);
                    if (!expected.equals(new Solution().twice(List.of(1, 2)))) {
                        throw new AssertionError("wrong");
                    }
                }
            }
            """;

    private static Verdict run(String body) {
        return SANDBOX.run("import java.util.*;\nclass Solution {\n    public List<Integer> twice(List<Integer> in) {\n" + body + "\n    }\n}\n", TEST);
    }

    @Test
    void rightAndWrongAndMalformedAreToldApart() {
        assertThat(run("return in.stream().map(i -> 2 * i).toList();")).isEqualTo(new Verdict(Status.PASSED, ""));
        assertThat(run("return in;")).isEqualTo(new Verdict(Status.FAILED, "java.lang.AssertionError: wrong"));
        assertThat(run("return null + 1;").status()).isEqualTo(Status.NOT_COMPILED);
        assertThat(run("return null + 1;").detail()).startsWith("line 4: ");
        assertThat(run("throw new IllegalStateException();").detail()).isEqualTo("java.lang.IllegalStateException");
        assertThat(SANDBOX.run("class Other {}", TEST).detail()).startsWith("with the test: ");
    }

    /** Records, switches over patterns, lambdas, streams, strings, exceptions, enums and threads are no hostile references. */
    @Test
    void everydayJavaIsPermitted() {
        assertThat(SANDBOX.run("""
                import java.util.*;
                import java.util.concurrent.*;
                import java.util.function.*;
                import java.util.stream.*;
                public class Solution {
                    record Pair(int a, String b) implements Comparable<Pair> { public int compareTo(Pair o) { return Integer.compare(a, o.a); } }
                    enum Kind { ODD, EVEN; Kind other() { return values()[1 - ordinal()]; } }
                    sealed interface Shape permits Box, Ball {}
                    record Box(int side) implements Shape {}
                    record Ball(int radius) implements Shape {}
                    static int size(Object shape) { return switch (shape) { case Box(int s) when s > 0 -> s; case Ball b -> b.radius; default -> 0; }; }
                    static String name(Kind kind) { return switch (kind) { case ODD -> "odd"; case EVEN -> "even"; }; }
                    public List<Integer> twice(List<Integer> in) {
                        assert in != null;
                        Pair pair = new Pair(1, "x" + in.size() + 'y' + 2.5);
                        String text = String.format("%s %d %s %s", pair, pair.hashCode(), Kind.ODD.other(), name(Kind.EVEN));
                        System.out.println(text + "\\n" + new StringBuilder("abc").reverse());
                        int[][] grid = new int[3][4];
                        int[] copy = grid[0].clone();
                        System.arraycopy(grid[1], 0, copy, 0, 2);
                        Function<Integer, Integer> twice = Solution::two;
                        Supplier<List<Integer>> make = ArrayList::new;
                        switch (text) { case "a" -> throw new IllegalArgumentException(); default -> { } }
                        Map<Boolean, List<Integer>> parts = in.stream().collect(Collectors.partitioningBy(i -> i > size(new Ball(1))));
                        List<Integer> out = make.get();
                        var pool = Executors.newFixedThreadPool(1);
                        try { for (Integer i : in) { out.add(pool.submit(() -> twice.apply(i)).get()); } }
                        catch (InterruptedException | ExecutionException e) { throw new RuntimeException(e); }
                        finally { pool.shutdown(); }
                        return out;
                    }
                    private static Integer two(Integer i) { return 2 * i; }
                }
                """, TEST)).isEqualTo(new Verdict(Status.PASSED, ""));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "try { return List.of(new Scanner(new java.io.File(\"/etc/passwd\")).nextLine().length()); } catch (Exception e) { return null; }",
        "try { java.nio.file.Files.readString(java.nio.file.Path.of(\"/etc/passwd\")); } catch (Exception e) { } return in;",
        "try { new Formatter(\"stolen.txt\").close(); } catch (Exception e) { } return in;",
        "try { new java.io.PrintStream(\"stolen.txt\").close(); } catch (Exception e) { } return in;",
        "try { new java.io.PrintWriter(\"stolen.txt\").close(); } catch (Exception e) { } return in;",
        "try { new java.util.zip.ZipFile(\"/x.zip\"); } catch (Exception e) { } return in;",
        "try { new ProcessBuilder(\"sh\", \"-c\", \"sleep 100 &\").start(); } catch (Exception e) { } return in;",
        "try { Runtime.getRuntime().exec(\"id\"); } catch (Exception e) { } return in;",
        "Runtime.getRuntime().halt(0); return in;",
        "System.exit(0); return in;",
        "try { new java.net.Socket(\"localhost\", 80); } catch (Exception e) { } return in;",
        "try { Class.forName(\"java.lang.Runtime\"); } catch (Exception e) { } return in;",
        "try { in.getClass().getMethod(\"size\").invoke(in); } catch (Exception e) { } return in;",
        "in.getClass().getClassLoader(); return in;",
        "Thread.currentThread().getContextClassLoader(); return in;",
        "class T extends Thread { } new T().getContextClassLoader(); return in;",
        "java.lang.invoke.MethodHandles.lookup(); return in;",
        "System.getenv(); return in;",
        "System.getProperties(); return in;",
        "System.setOut(null); return in;",
        "try { System.in.read(); } catch (Exception e) { } return in;",
        "java.util.function.IntConsumer stop = System::exit; stop.accept(0); return in;",
        "ServiceLoader.load(Runnable.class); return in;",
        "StackWalker.getInstance(); return in;",
        "ProcessHandle.current().destroy(); return in;",
        "java.lang.foreign.Arena.global(); return in;",
        "class Loader extends ClassLoader { } new Loader(); return in;",
        "class Native { native int go(); } return in;",
        "new java.util.concurrent.ForkJoinPool().close(); java.util.logging.Logger.getGlobal(); return in;",
    })
    void whatLeavesTheProcessIsNeverRun(String body) {
        // what lies outside java.base is not even compiled
        assertThat(run(body).status()).as(body).isIn(body.contains("logging") ? Set.of(Status.NOT_COMPILED) : Set.of(Status.REFUSED));
    }

    @Test
    void theUnsafeIsOutOfReach() {
        assertThat(run("sun.misc.Unsafe u = null; return in;").status()).isEqualTo(Status.NOT_COMPILED);
        assertThat(run("jdk.internal.misc.Unsafe.getUnsafe(); return in;").status()).isEqualTo(Status.NOT_COMPILED);
    }

    @Test
    void anEndlessLoopEndsInTimeAndTakesItsThreadsAlong() {
        long start = System.nanoTime();
        assertThat(run("while (true) { }").status()).isEqualTo(Status.TIMEOUT);
        assertThat(run("for (int i = 0; i < 3; i++) { new Thread(() -> { while (true) { } }).start(); } while (true) { }").status()).isEqualTo(Status.TIMEOUT);
        assertThat((System.nanoTime() - start) * 1e-9).isLessThan(40);
        assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive).flatMap(child -> child.info().commandLine().stream()))
                .noneMatch(line -> line.contains("Harness"));
    }

    @Test
    void threadsThatGoOnHoldNothingUp() {
        assertThat(run("for (int i = 0; i < 3; i++) { new Thread(() -> { while (true) { } }).start(); } return in.stream().map(i -> 2 * i).toList();").status())
                .isEqualTo(Status.PASSED);
    }

    @Test
    void memoryStackAndThreadsHaveTheirBounds() {
        assertThat(run("List<long[]> all = new ArrayList<>(); while (true) { all.add(new long[1 << 20]); }").detail()).startsWith("java.lang.OutOfMemoryError");
        assertThat(run("return twice(in);").detail()).startsWith("java.lang.StackOverflowError");
        assertThat(run("while (true) { new Thread(() -> { try { Thread.sleep(100000); } catch (InterruptedException e) { } }).start(); }").status())
                .isIn(Status.FAILED, Status.TIMEOUT, Status.DIED);
        assertThat(run("String s = \"x\"; while (s.length() < 1 << 22) { s += s; System.out.println(s); } throw new RuntimeException(s);").detail())
                .startsWith("java.lang.RuntimeException: xxx").hasSizeLessThan(400);
    }

    @Test
    void sayingThatItPassedIsNoPass() {
        assertThat(run("System.out.println(\"passed\"); System.out.flush(); return in;").status()).isEqualTo(Status.FAILED);
        assertThat(run("throw new Error(\"passed\");")).isEqualTo(new Verdict(Status.FAILED, "java.lang.Error: passed"));
    }

    /** Classes of the test's package hide those that it imports. */
    @Test
    void aSolutionCannotReplaceWhatTheTestUses() {
        String lazy = "class Solution { public java.util.List<Integer> twice(java.util.List<Integer> in) { return null; } }\n";
        assertThat(SANDBOX.run(lazy + "class Arrays { static java.util.List<Integer> asList(int... a) { return null; } }", TEST))
                .isEqualTo(new Verdict(Status.REFUSED, "a class named as java.util.Arrays"));
        assertThat(SANDBOX.run(lazy + "class AssertionError extends Error { AssertionError(Object o) { } }", TEST).status()).isEqualTo(Status.REFUSED);
        assertThat(SANDBOX.run(lazy + "class Main { public static void main(String[] args) { } }", TEST).detail()).contains("Main, which is the test's");
        assertThat(SANDBOX.run("package dev.zhulong.evaluate.code;\nclass Harness { public static void main(String[] args) { } }\n" + lazy, TEST).status())
                .isNotEqualTo(Status.PASSED);
    }

    @Test
    void tooMuchSourceIsNoSolution() {
        assertThat(SANDBOX.run("/*" + "x".repeat(JavaCompilation.LONGEST) + "*/", TEST).detail()).startsWith("longer than");
    }

    @Test
    void aTestThatReachesOutIsRefusedAsWell() {
        assertThatThrownBy(() -> SANDBOX.run("class Solution { }", "public class Main { public static void main(String[] a) { System.exit(0); } }"))
                .hasMessageContaining("the test's class Main refers to java.lang.System.exit");
    }

    @Test
    void nothingIsLeftBehind() throws IOException {
        Set<String> before = left();
        run("while (true) { }");
        run("return in;");
        assertThat(before).containsAll(left());
    }

    private static Set<String> left() throws IOException {
        try (var files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.map(path -> path.getFileName().toString()).filter(name -> name.startsWith("zhulong-code")).collect(Collectors.toSet());
        }
    }
}
