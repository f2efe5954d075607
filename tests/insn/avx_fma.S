/* SPDX-License-Identifier: MIT */
/* FMA: each form, single and double precision, packed and scalar. */
#include "tests/insn/case.h"
#include "tests/insn/vector.inc"

CASE(avx_fma_vfmaddsub132ps)
NEEDS("fma")
EXPECT(r8, 0xd52e32a8ad628970)
EXPECT(r9, 0x10ef8c4e06bc976d)
EXPECT(r10, 0x80dfdcf4cd7e9001)
EXPECT(r11, 0x819eaef6220a7cad)
EXPECT(r12, 0xe53de201e6a090db)
EXPECT(r13, 0x81a9aef601ea7cad)
EXPECT(r14, 0xff2cd985c8918897)
EXPECT(r15, 0x7da9aef601ea7cad)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vfmaddsub132ps
    VRM r9, vfmsubadd132ps
    VRM r10, vfmadd132ps
    VRM_X r11, vfmadd132ss
    VRM r12, vfmsub132ps
    VRM_X r13, vfmsub132ss
    VRM r14, vfnmadd132ps
    VRM_X r15, vfnmadd132ss
END

CASE(avx_fma_vfnmsub132ps)
NEEDS("fma")
EXPECT(r8, 0xdef2d5b937af973d)
EXPECT(r9, 0x7d9eaef6620a7cad)
EXPECT(r10, 0x996d099031841e18)
EXPECT(r11, 0x7eeb9e75f22ca38d)
EXPECT(r12, 0x5ae8048b61ac9f03)
EXPECT(r13, 0x7da6aef622227cad)
EXPECT(r14, 0xbd70a37ac20424a2)
EXPECT(r15, 0x7daaaef621f27cad)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vfnmsub132ps
    VRM_X r9, vfnmsub132ss
    VRM r10, vfmaddsub213ps
    VRM r11, vfmsubadd213ps
    VRM r12, vfmadd213ps
    VRM_X r13, vfmadd213ss
    VRM r14, vfmsub213ps
    VRM_X r15, vfmsub213ss
END

CASE(avx_fma_vfnmadd213ps)
NEEDS("fma")
EXPECT(r8, 0x9f9dac36d3d72c66)
EXPECT(r9, 0x81aaaef661f27cad)
EXPECT(r10, 0x3cf6fd477b7da547)
EXPECT(r11, 0x81a6aef662227cad)
EXPECT(r12, 0xa1494a25e918d37e)
EXPECT(r13, 0xe24c084afeeef52f)
EXPECT(r14, 0x91fc0dc69d8ef59a)
EXPECT(r15, 0x7d9eaef6220e7cad)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vfnmadd213ps
    VRM_X r9, vfnmadd213ss
    VRM r10, vfnmsub213ps
    VRM_X r11, vfnmsub213ss
    VRM r12, vfmaddsub231ps
    VRM r13, vfmsubadd231ps
    VRM r14, vfmadd231ps
    VRM_X r15, vfmadd231ss
END

CASE(avx_fma_vfmsub231ps)
NEEDS("fma")
EXPECT(r8, 0xf19944aa4278d313)
EXPECT(r9, 0x81a9aef6599a7cad)
EXPECT(r10, 0xf6a4cede449cbd0)
EXPECT(r11, 0x7da9aef6199a7cad)
EXPECT(r12, 0xb86d068ac37fee5e)
EXPECT(r13, 0x819eaef6620e7cad)
BEGIN
    OPERANDS_AVX singles
    VRM r8, vfmsub231ps
    VRM_X r9, vfmsub231ss
    VRM r10, vfnmadd231ps
    VRM_X r11, vfnmadd231ss
    VRM r12, vfnmsub231ps
    VRM_X r13, vfnmsub231ss
END

CASE(avx_fma_vfmaddsub132pd)
NEEDS("fma")
EXPECT(r8, 0x5eff881c5bcdad5d)
EXPECT(r9, 0x729a08e7aac16d30)
EXPECT(r10, 0xb8961b275c091c90)
EXPECT(r11, 0x7dc3e1a820027e2)
EXPECT(r12, 0x594385dcaa85fcfd)
EXPECT(r13, 0x835be1a8203ebe2)
EXPECT(r14, 0xb9137de0a482fd3d)
EXPECT(r15, 0xc835be1a8603ebe1)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vfmaddsub132pd
    VRM r9, vfmsubadd132pd
    VRM r10, vfmadd132pd
    VRM_X r11, vfmadd132sd
    VRM r12, vfmsub132pd
    VRM_X r13, vfmsub132sd
    VRM r14, vfnmadd132pd
    VRM_X r15, vfnmadd132sd
END

CASE(avx_fma_vfnmsub132pd)
NEEDS("fma")
EXPECT(r8, 0x98c6132b5e061ad0)
EXPECT(r9, 0xc7dc3e1a860027e1)
EXPECT(r10, 0xd2b3e3bdd2d36a26)
EXPECT(r11, 0x53af3d7300686456)
EXPECT(r12, 0xe78f3d7400686ac0)
EXPECT(r13, 0xc8343e1a8203ebe1)
EXPECT(r14, 0xbed3e3bcd2d362bc)
EXPECT(r15, 0xc8393e1a81fd83e1)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vfnmsub132pd
    VRM_X r9, vfnmsub132sd
    VRM r10, vfmaddsub213pd
    VRM r11, vfmsubadd213pd
    VRM r12, vfmadd213pd
    VRM_X r13, vfmadd213sd
    VRM r14, vfmsub213pd
    VRM_X r15, vfmsub213sd
END

CASE(avx_fma_vfnmadd213pd)
NEEDS("fma")
EXPECT(r8, 0x9f43dbb8d0d0637c)
EXPECT(r9, 0x8393e1a85fd83e2)
EXPECT(r10, 0xc77f35700e6f6b80)
EXPECT(r11, 0x8343e1a8603ebe2)
EXPECT(r12, 0x6aed7484dd5f4c15)
EXPECT(r13, 0xd905349ce3592a8d)
EXPECT(r14, 0x5f21f49cee2414d5)
EXPECT(r15, 0xc7eb3e1a8203fbe1)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vfnmadd213pd
    VRM_X r9, vfnmadd213sd
    VRM r10, vfnmsub213pd
    VRM_X r11, vfnmsub213sd
    VRM r12, vfmaddsub231pd
    VRM r13, vfmsubadd231pd
    VRM r14, vfmadd231pd
    VRM_X r15, vfmadd231sd
END

CASE(avx_fma_vfmsub231pd)
NEEDS("fma")
EXPECT(r8, 0xe450b484d28c62cd)
EXPECT(r9, 0x836be1a820333e2)
EXPECT(r10, 0x44c0bc80cc8d620e)
EXPECT(r11, 0xc836be1a860333e1)
EXPECT(r12, 0xff51fca0ec251494)
EXPECT(r13, 0x7eb3e1a8603fbe2)
BEGIN
    OPERANDS_AVX doubles
    VRM r8, vfmsub231pd
    VRM_X r9, vfmsub231sd
    VRM r10, vfnmadd231pd
    VRM_X r11, vfnmadd231sd
    VRM r12, vfnmsub231pd
    VRM_X r13, vfnmsub231sd
END
