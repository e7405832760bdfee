package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;

/** A rank that adds for ever, as a process: it says each step, and whose fault it is that it cannot go on. */
public final class RankMain {
    private RankMain() {}

    public static void main(String[] args) {
        boolean tcp = args[0].equals("tcp");
        Group group = GroupVariables.read(System.getenv()).orElseThrow();
        Mesh mesh = Mesh.join(group, refused -> System.out.println("refused: " + refused));
        try (Collectives ranks = tcp ? new SocketCollectives(mesh) : new MemoryCollectives(mesh)) {
            MemorySegment memory = ranks.allocate(1 << 20);
            for (long step = 1; ; step++) {
                ranks.allReduce(new Call(step, "gradients"), memory);
                System.out.println("step " + step);
                Thread.sleep(20);
            }
        } catch (RankFailure e) {
            System.out.println("lost " + e.rank() + ": " + e.getMessage());
            System.exit(75);
        } catch (InterruptedException e) {
            System.exit(1);
        }
    }
}
