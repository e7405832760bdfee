package dev.zhulong.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A small clone of the repository in which the real launcher runs with stand-ins for the JDK and for Maven, and with a {@code PATH} that
 * holds nothing but the system's basic tools.
 *
 * <p>The stand-in for {@code java} prints its arguments, one a line, and the variables the launcher sets,
 * and makes the archive of classes it is asked for. The stand-in for Maven notes how
 * it was called in {@code maven.calls} and makes the files a build makes, unless its {@code MAVEN_STATE} says that something is missing.
 */
final class LauncherStandIns {
    private static final List<String> TOOLS = List.of(
            "bash", "dirname", "readlink", "uname", "cat", "cp", "mv", "mkdir", "rm", "find", "date", "grep", "awk", "sort", "wc", "nproc",
            "lscpu", "tee", "cksum", "head", "sed", "sleep", "sysctl", "flock");

    private static final String JAVA = """
            #!/usr/bin/env bash
            printf 'java of %s\\n' "$(dirname "$(dirname "$0")")"
            printf 'threads %s %s %s\\n' "$OMP_NUM_THREADS" "$MKL_THREADING_LAYER" "$MKL_DYNAMIC"
            printf 'in %s\\n' "$PWD"
            for argument in "$@"; do
              printf '[%s]\\n' "$argument"
              case $argument in -XX:DumpLoadedClassList=* | -XX:SharedArchiveFile=*) echo classes > "${argument#*=}" ;; esac
            done
            exit "${JAVA_EXITS:-0}"
            """;

    private static final String MAVEN = """
            #!/usr/bin/env bash
            printf '%s\\n' "$*" >> maven.calls
            case "${MAVEN_STATE:-} $* " in
              "nothing here "*" -o "* | "no network "*" -o "*)
                case "${MAVEN_STATE:-} $*" in
                  "no network "*legacyLocalRepo*) ;;
                  *) echo '[ERROR] Plugin a:b:1 could not be resolved: Cannot access central in offline mode'; exit 1 ;;
                esac ;;
              "no network "* | "not even a copy "*) echo '[ERROR] Could not transfer artifact a:b:pom:1 from/to central: host unknown'; exit 1 ;;
              "broken source "*)
                echo '[INFO] Compiling 3 source files'
                echo "[ERROR] $PWD/cli/src/main/java/A.java:[3,14] ';' expected"
                echo '[ERROR] -> [Help 1]'
                exit 1 ;;
            esac
            sleep "${MAVEN_TAKES:-0}"
            mkdir -p cli/target formats/target
            echo jar > cli/target/zhulong-cli.jar
            echo jar > formats/target/zhulong-formats.jar
            printf '%s' "$PWD/formats/target/zhulong-formats.jar:${PWD%/*}/library.jar" > cli/target/classpath.txt
            for argument in "$@"; do
              case $argument in -Dzhulong.sources=*) mkdir -p "${argument#*=}"; echo jar > "${argument#*=}/a-sources.jar" ;; esac
            done
            case " $* " in
              *' verify '*)
                mkdir -p cli/target/surefire-reports
                printf '<testsuite name="A" time="0.1" tests="5" errors="1" skipped="2" failures="%s">\\n%s</testsuite>\\n' "${TESTS_FAIL:-0}" "${TESTCASES:-}" \\
                  > cli/target/surefire-reports/TEST-A.xml ;;
            esac
            """;

    /** What a start printed and how it ended. */
    record Ended(int code, String out, String err) {
        List<String> lines() {
            return out.lines().toList();
        }
    }

    final Path place;
    final Path root;
    final Path jdks;
    final Path bin;
    private final Map<String, String> environment = new TreeMap<>();

    LauncherStandIns(Path place) throws IOException {
        this.place = place.toRealPath();
        root = Files.createDirectories(this.place.resolve("a clone"));
        jdks = Files.createDirectories(this.place.resolve("jdk s"));
        bin = Files.createDirectories(this.place.resolve("bin"));
        Files.copy(Path.of(System.getProperty("zhulong.root"), "zhulong"), root.resolve("zhulong"));
        write(root.resolve("pom.xml"), "<project/>");
        write(root.resolve("cli/pom.xml"), "<project/>");
        write(source("A"), "class A {}");
        write(this.place.resolve("library.jar"), "jar");
        for (String tool : TOOLS) {
            for (String directory : List.of("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin")) {
                Path real = Path.of(directory, tool);
                if (Files.isExecutable(real)) {
                    executable(bin.resolve(tool), "#!/bin/sh\nexec " + real + " \"$@\"\n");
                    break;
                }
            }
        }
        executable(bin.resolve("mvn"), MAVEN);
        environment.put("PATH", bin.toString());
        environment.put("HOME", this.place.resolve("home").toString());
        environment.put("ZHULONG_JDK_PATHS", jdks + "/*");
    }

    Path source(String name) {
        return root.resolve("cli/src/main/java/" + name + ".java");
    }

    /** A JDK of that version, as its {@code release} file says. */
    Path jdk(String name, String version) throws IOException {
        Path home = jdks.resolve(name);
        executable(home.resolve("bin/java"), JAVA);
        executable(home.resolve("bin/javac"), JAVA);
        write(home.resolve("release"), "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\nJAVA_VERSION_DATE=\"2026-01-20\"\n");
        return home;
    }

    LauncherStandIns with(String variable, Object value) {
        environment.put(variable, value.toString());
        return this;
    }

    Ended start(String... arguments) throws IOException, InterruptedException {
        return await(begin(root, root.resolve("zhulong"), arguments));
    }

    /** Starts the launcher through {@code script} from {@code directory}. */
    Process begin(Path directory, Path script, String... arguments) throws IOException {
        var command = new ArrayList<>(List.of(bin.resolve("bash").toString(), script.toString()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).directory(directory.toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        return builder.start();
    }

    static Ended await(Process process) throws IOException, InterruptedException {
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
        if (!process.waitFor(30, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new IllegalStateException("the launcher hangs; it said: " + err);
        }
        return new Ended(process.exitValue(), out, err);
    }

    /** How Maven was called, one line a call. */
    List<String> mavenCalls() throws IOException {
        Path calls = root.resolve("maven.calls");
        return Files.exists(calls) ? Files.readAllLines(calls) : List.of();
    }

    static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    private static void executable(Path file, String text) throws IOException {
        write(file, text);
        if (!file.toFile().setExecutable(true)) {
            throw new IOException("cannot make executable: " + file);
        }
    }
}
